"""Which Cloud Run an environment means, and the embedded one of a project."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netra_loop.core.errors import NotRunningError, PreflightError, UsageError
from netra_loop.core.plan import Plan
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

    known = {target.name: target for target in plan.environment.targets}
    unknown = [name for name in services if name not in known]
    if unknown:
        raise UsageError(f"no such service: {', '.join(unknown)}", f"known are: {', '.join(known)}")
    targets = [known[name] for name in services] or list(known.values())
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


def start_embedded(place: Place, plan: Plan) -> Embedded:
    """Start or join it, with what the services of the plan depend on. Raises PreflightError."""
    from netra_loop.adapters.embedded import ensure_up

    place.state.prepare()
    server = ensure_up(place.state.local)
    for target in plan.environment.targets:
        for dependency in target.dependencies:
            if dependency.source:
                server.back(dependency.name, place.project / dependency.source, dependency.address)
    return server


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


def _cloud(place: Place, plan: Plan) -> CloudRun:
    """The plan's Cloud Run, without starting anything. Raises PreflightError when the embedded one does not run."""
    from netra_loop.adapters.cloudrun import CloudRun

    if plan.environment.endpoint != "embedded":
        return CloudRun(plan.environment)
    return CloudRun(plan.environment, running_embedded(place).url)


def endpoint(place: Place, plan: Plan) -> tuple[str, Callable[[str, Path], str] | None]:
    """The API's URL and who builds images; the embedded Cloud Run is started if need be."""
    if plan.environment.endpoint != "embedded":
        return "", None
    server = start_embedded(place, plan)
    return server.url, server.build
