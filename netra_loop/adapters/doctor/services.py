"""Whether the services' own Cloud Run can be asked, and what a deploy would meet there."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
from anyio import to_thread

from netra_loop.adapters.cloudrun import CloudRun, ServiceState
from netra_loop.adapters.google_errors import errored
from netra_loop.core.names import TAG_PREFIX
from netra_loop.core.preflight import Finding, State
from netra_loop.core.target import Target

NEEDED = ("run.services.get", "run.services.update", "run.revisions.get")
DEADLINE = 4.0  # seconds for all services together


async def services(cloud: CloudRun, targets: Sequence[Target]) -> list[Finding]:
    """Whether each service can be read, and what of its traffic and tags a person should know."""
    found: dict[str, ServiceState | None] = {}
    lacking: dict[str, tuple[str, ...]] = {}
    problems: list[str] = []

    async def look(target: Target) -> None:
        try:
            found[target.name] = await to_thread.run_sync(cloud.service, target.service, abandon_on_cancel=True)
            if found[target.name] is not None:
                lacking[target.name] = await to_thread.run_sync(
                    cloud.lacking, target.service, NEEDED, abandon_on_cancel=True
                )
        except Exception as error:
            problems.extend(errored(error, f"reading {target.service}").reasons)

    with anyio.move_on_after(DEADLINE) as limit:
        async with anyio.create_task_group() as tasks:
            for target in targets:
                tasks.start_soon(look, target)
    if problems:
        return [Finding("cloud", State.FAILED, problems[0], "see in brackets what is missing, then run again")]
    if limit.cancelled_caught:
        return [Finding("cloud", State.UNKNOWN, f"no answer in {DEADLINE:g} s", "look at the network, then run again")]
    there = {name: service for name, service in found.items() if service is not None}
    said = f"{len(there)} of {len(targets)} services are deployed"
    return [Finding("cloud", State.OK, said), _permissions(lacking), *_traffic(there), *_leftovers(there)]


def _permissions(lacking: dict[str, tuple[str, ...]]) -> Finding:
    """What a session may not do to services that are there; what creating one takes, only creating it shows."""
    missing = [f"{', '.join(each)} on {name}" for name, each in lacking.items() if each]
    if missing:
        return Finding("permissions", State.FAILED, f"missing: {'; '.join(missing)}", "ask for roles/run.developer")
    if not lacking:
        return Finding("permissions", State.UNKNOWN, "no service is there to ask about", "the first deploy shows them")
    return Finding("permissions", State.OK, f"{', '.join(NEEDED)} on {len(lacking)} services")


def _traffic(there: dict[str, ServiceState]) -> list[Finding]:
    pinned = [
        f"{name} to {' '.join(share.revision for share in service.wanted if share.percent)}"
        for name, service in there.items()
        if service.pinned
    ]
    if not pinned:
        return []
    said = f"pinned by revision name: {', '.join(pinned)}; a plain deploy would serve 0 %"
    return [Finding("traffic", State.WARNING, said, "nothing: `run` shifts by name")]


def _leftovers(there: dict[str, ServiceState]) -> list[Finding]:
    tagged = [
        f"{share.tag} of {name}"
        for name, service in there.items()
        for share in service.wanted
        if share.tag.startswith(TAG_PREFIX)
    ]
    if not tagged:
        return []
    return [Finding("tags", State.WARNING, f"left by earlier sessions: {', '.join(tagged)}", "`gc` removes them")]
