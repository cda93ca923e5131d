"""Where a target is reached in an iteration, and which revision answers there, asked of the world each time."""

from __future__ import annotations

from anyio import to_thread

from netra_loop.adapters.address import Address
from netra_loop.adapters.cloudrun import CloudRun
from netra_loop.adapters.google_errors import errored
from netra_loop.core.agenda import shifts_of
from netra_loop.core.events import Act
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Kind
from netra_loop.core.seen import Result
from netra_loop.core.session import Session
from netra_loop.core.target import Target


async def locate(cloud: CloudRun, session: Session, act: Act, target: Target) -> Address | None:
    """The candidate of the act's iteration until it has all traffic, else what serves at the base URL.

    None for a service that is not there.
    """
    service = await to_thread.run_sync(cloud.service, target.service)
    if service is None:
        return None
    iteration = session.iterations[act.iteration - 1]
    deployed = iteration.deployed(target.name)
    promoted = shifts_of(iteration, Kind.PROMOTE).get(target.name)
    if deployed is None or deployed.candidate_url == deployed.url or (promoted and promoted.result):
        return await cloud.address(target, service)
    behind = [share.revision for share in service.effective if share.url == deployed.candidate_url]
    return await cloud.address(target, service, deployed.candidate_url, behind[0] if behind else "")


async def found(cloud: CloudRun, session: Session, act: Act, target: Target) -> Address | Result:
    """The same for an act that has one target: where there is nothing to look at, its result."""
    try:
        address = await locate(cloud, session, act, target)
    except Exception as error:
        return errored(error, f"finding {target.service}")
    return address or Result(Outcome.ERRORED, (f"service {target.service} is not deployed",))
