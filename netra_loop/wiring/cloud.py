"""Which Cloud Run an environment means, and the embedded one of a project."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from netra_loop.core.environment import Deployer, Environment
from netra_loop.core.errors import NotRunningError, PreflightError
from netra_loop.core.plan import Plan
from netra_loop.core.target import Dependency
from netra_loop.wiring.place import Place

if TYPE_CHECKING:
    from netra_loop.adapters.cloudrun import CloudRun
    from netra_loop.adapters.embedded import Embedded
    from netra_loop.core.checkup import Checkup


def check_health(place: Place, plan: Plan, services: Sequence[str]) -> Checkup:
    """One look at these services, all of the environment for none. Raises UsageError for one that is not declared."""
    import anyio

    from netra_loop.adapters.checkup import check_up
    from netra_loop.core.checkup import Checkup

    targets = plan.environment.named(services)
    return Checkup(plan.environment.name, anyio.run(check_up, _cloud(place, plan), targets))


def embedded_server(place: Place) -> Embedded | None:
    """The project's embedded Cloud Run, None when it does not run."""
    from netra_loop.adapters.embedded import join

    return join(place.state.local)


def running_embedded(place: Place) -> Embedded:
    """The project's embedded Cloud Run. Raises NotRunningError when it does not run."""
    server = embedded_server(place)
    if server is None:
        raise NotRunningError("the embedded Cloud Run does not run", "`local up` starts it, `run` deploys to it")
    return server


def embedded_log_lines(place: Place, plan: Plan, service: str, limit: int) -> list[str]:
    """The newest log entries of the embedded Cloud Run, the oldest of them first; of one service if named."""
    from netra_loop.adapters.cloudlogs import CloudLogs

    logs = CloudLogs(plan.environment, running_embedded(place).url)
    query = f'resource.labels.service_name="{service}"' if service else ""
    return [str(line) for line in reversed(logs.entries(query, limit, newest_first=True))]


def start_embedded(place: Place, plan: Plan) -> tuple[Embedded, Plan]:
    """Start or join it, with what the services depend on; and the plan with the addresses where that listens.

    Raises PreflightError.
    """
    from netra_loop.adapters.embedded import ensure_up

    place.state.prepare()
    server = ensure_up(place.state.local)

    def backed(dependency: Dependency) -> Dependency:
        if not dependency.source:
            return dependency
        source = place.project / dependency.source
        return replace(dependency, address=server.back(dependency.name, source, dependency.address))

    targets = tuple(
        replace(target, dependencies=tuple(map(backed, target.dependencies))) for target in plan.environment.targets
    )
    return server, replace(plan, environment=replace(plan.environment, targets=targets))


def stop_embedded(place: Place) -> bool:
    """End it and wait until it is gone; False when it did not run. Raises PreflightError when it does not end."""
    from netra_loop.adapters.embedded import wait_down

    server = embedded_server(place)
    if server is None:
        return False
    server.down()
    if not wait_down(place.state.local):
        raise PreflightError("the embedded Cloud Run does not end", f"end process {server.pid}")
    return True


def purge_embedded(place: Place) -> list[str]:
    """Delete what it keeps, once it is down; the names of what that was. Raises PreflightError while it runs."""
    from netra_loop.adapters.embedded import purge

    return purge(place.state.local)


def _cloud(place: Place, plan: Plan) -> CloudRun:
    """The plan's Cloud Run, without starting anything. Raises PreflightError when the embedded one does not run."""
    from netra_loop.adapters.cloudrun import CloudRun

    if plan.environment.endpoint != "embedded":
        return CloudRun(plan.environment)
    return CloudRun(plan.environment, running_embedded(place).url)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A Cloud Run that is ready: the API's URL, who builds images, and the plan with every address as it really is.

    by_gcloud: whether gcloud makes the revisions. is_up: False for an embedded one that does not run.
    """

    url: str
    build: Callable[[str, Path], str] | None
    plan: Plan
    by_gcloud: bool
    is_up: bool = True


def ready_endpoint(place: Place, plan: Plan) -> Endpoint:
    """The plan's Cloud Run; the embedded one is started if need be. Raises PreflightError."""
    if plan.meets_no_target:
        return _endpoint_as_it_is(place, plan)
    by_gcloud = not plan.only_rolls_back and deploys_by_gcloud(plan.environment)
    if plan.environment.endpoint != "embedded":
        return Endpoint("", None, plan, by_gcloud)
    server, plan = start_embedded(place, plan)
    return Endpoint(server.url, server.build, plan, by_gcloud)


def _endpoint_as_it_is(place: Place, plan: Plan) -> Endpoint:
    """For a plan that only has to know where the targets are, should there be any."""
    if plan.environment.endpoint != "embedded":
        return Endpoint("", None, plan, by_gcloud=False)
    server = embedded_server(place)
    return Endpoint(server.url if server else "", None, plan, by_gcloud=False, is_up=server is not None)


def deploys_by_gcloud(environment: Environment) -> bool:
    """Whether gcloud makes this environment's revisions. Raises PreflightError where nobody could."""
    from netra_loop.adapters.gcloud import installed

    if environment.deployer is Deployer.GCLOUD and not installed():
        raise PreflightError("gcloud is not installed", "install the Google Cloud CLI, or say `deployer: api`")
    by_gcloud = environment.deployer is not Deployer.API and installed()
    built = [target.name for target in environment.targets if not target.image]
    if environment.endpoint != "embedded" and built and not by_gcloud:
        raise PreflightError(
            f"{', '.join(built)}: only gcloud has a source folder built by Google", "install gcloud, or give an image"
        )
    return by_gcloud


def gcloud_variables(place: Place, environment: Environment, url: str) -> dict[str, str]:
    """What gcloud is to find in its environment: where the embedded Cloud Run is; nothing for Google's own (no url)."""
    from netra_loop.adapters.gcloud_env import gcloud_environment

    if not url:
        return {}
    return gcloud_environment(url, environment.project, environment.region, place.state.local / "gcloud")
