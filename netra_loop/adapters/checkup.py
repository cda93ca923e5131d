"""The `health` command's look at the world: every service at its base URL, all at once."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
from anyio import to_thread

from netra_loop.adapters.cloudrun import CloudRun
from netra_loop.adapters.google_errors import errored
from netra_loop.adapters.health import check_health
from netra_loop.adapters.websocket import check_websocket
from netra_loop.core.checkup import ServiceCheckup
from netra_loop.core.seen import Result
from netra_loop.core.target import Target


async def check_up(cloud: CloudRun, targets: Sequence[Target]) -> tuple[ServiceCheckup, ...]:
    """A checkup of every target, in the order given."""
    found: dict[str, ServiceCheckup] = {}

    async def look(target: Target) -> None:
        found[target.name] = await _look(cloud, target)

    async with anyio.create_task_group() as tasks:
        for target in targets:
            tasks.start_soon(look, target)
    return tuple(found[target.name] for target in targets)


async def _look(cloud: CloudRun, target: Target) -> ServiceCheckup:
    try:
        service = await to_thread.run_sync(cloud.service, target.service)
        address = await cloud.address(target, service) if service else None
    except Exception as error:
        trouble = "; ".join(errored(error, f"finding {target.service}").reasons)
        return ServiceCheckup(target.name, "unknown", "", trouble=trouble)
    if service is None or address is None:
        return ServiceCheckup(target.name, "", "", trouble=f"service {target.service} is not deployed")
    health = await check_health(target, address) if target.health else None
    websocket: Result | None = await check_websocket(target, address) if target.websocket else None
    return ServiceCheckup(target.name, service.url, service.serving, health, websocket)
