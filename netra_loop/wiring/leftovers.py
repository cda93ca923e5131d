"""Away with what earlier sessions left behind, while no session changes the environment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from netra_loop.core.plan import Plan
from netra_loop.wiring.cloud import embedded_server
from netra_loop.wiring.place import Place

if TYPE_CHECKING:
    from netra_loop.adapters.cloudrun import CloudRun


def remove_leftovers(place: Place, plan: Plan, *, only_tell: bool) -> list[str]:
    """Remove, or only name, our tags on the environment's services and the files of dead sessions; a line for each.

    Raises LockedError while a session changes the environment, PreflightError when a service cannot be looked at.
    """
    from netra_loop.adapters.locks import environment_lock

    place.state.prepare()
    environment = plan.environment
    lock = environment_lock(place.state.locks, environment.project, environment.region, environment.name)
    lock.acquire(f"environment {environment.name}", "gc")
    try:
        return [*_tags(place, plan, only_tell=only_tell), *_files(place, only_tell=only_tell)]
    finally:
        lock.release()


def _tags(place: Place, plan: Plan, *, only_tell: bool) -> Iterator[str]:
    import anyio

    from netra_loop.adapters.google_errors import preflight_error
    from netra_loop.adapters.leftovers import our_tags, remove_tags

    cloud = _cloud(place, plan)
    if cloud is None:
        return
    for target in plan.environment.targets:
        try:
            tags = anyio.run(our_tags, cloud, target)
            if tags and not only_tell:
                anyio.run(remove_tags, cloud, target, tags)
        except Exception as error:
            raise preflight_error(error, f"taking our tags off {target.service}") from error
        yield from (f"tag {tag} of service {target.service}" for tag in tags)


def _cloud(place: Place, plan: Plan) -> CloudRun | None:
    """The plan's Cloud Run; None for an embedded one that does not run, which is not started for this."""
    from netra_loop.adapters.cloudrun import CloudRun

    if plan.environment.endpoint != "embedded":
        return CloudRun(plan.environment)
    server = embedded_server(place)
    return CloudRun(plan.environment, server.url) if server else None


def _files(place: Place, *, only_tell: bool) -> Iterator[str]:
    from netra_loop.adapters.leftovers import left_files, remove_left

    for folder, file in list(left_files(place.state, place.worklogs)):
        if only_tell or remove_left(folder, file):
            yield f"file {file.name} of session {folder.id}"
