"""Kinds `promote` and `restore`: set the traffic by revision name, then see at the base URL that it is so."""

from __future__ import annotations

import anyio
from anyio import to_thread

from netra_loop.adapters.cloudrun import CloudRun, ServiceState
from netra_loop.adapters.google_errors import errored
from netra_loop.adapters.http import identify
from netra_loop.adapters.publish import POLL, TAG_PREFIX, wait_for
from netra_loop.core.agenda import FOREIGN_CHANGE
from netra_loop.core.events import Act, HandleKnown
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Kind
from netra_loop.core.seen import Deployed, Result, Share, TrafficShifted
from netra_loop.core.session import Session
from netra_loop.core.target import Target
from netra_loop.ports import Say


class ShiftRunner:
    """Looks first: traffic that is already as wanted is only verified, so a second try shifts nothing."""

    def __init__(self, cloud: CloudRun) -> None:
        self._cloud = cloud

    async def run(self, act: Act, session: Session, say: Say) -> Result:
        """PASSED once the traffic is in effect and the base URL answers with the revision; FAILED when it does not."""
        target = session.plan.environment.target(act.subject)
        deployed = session.iterations[act.iteration - 1].deployed(act.subject)
        if deployed is None:
            return Result(Outcome.ERRORED, ("nothing was deployed",))
        try:
            with anyio.fail_after(act.timeout):
                return await self._shift(act, target, deployed, say)
        except TimeoutError:
            return Result(Outcome.ERRORED, ("timed_out",))
        except Exception as error:
            return errored(error, f"shifting the traffic of {target.service}")

    async def _shift(self, act: Act, target: Target, deployed: Deployed, say: Say) -> Result:
        before = await to_thread.run_sync(self._cloud.service, target.service)
        if before is None:
            return Result(Outcome.ERRORED, (f"service {target.service} is gone",))
        wanted = _wanted(act.kind, deployed, before)
        ours = (_percents(deployed.traffic_before), {deployed.revision: 100})
        if _percents(before.effective) not in ours:
            serving = " ".join(f"{share.revision}={share.percent}" for share in before.effective if share.percent)
            return Result(Outcome.ERRORED, (FOREIGN_CHANGE, f"{target.service} serves {serving}; nothing was touched"))
        path = f"v2/{self._cloud.parent}/services/{target.service}"
        words = " ".join(f"{share.revision}={share.percent}" for share in wanted if share.percent)
        say(HandleKnown(act.id, {"command": f"PATCH {path}?updateMask=traffic {words}"}))
        if _percents(before.effective) != _percents(wanted) or _percents(before.wanted) != _percents(wanted):
            operation = await to_thread.run_sync(self._cloud.shift, before, wanted)
            say(HandleKnown(act.id, {"operation": operation.operation.name}))
            await wait_for(self._cloud, operation)
        after = await self._in_effect(target, wanted)
        return await self._verified(target, deployed, before, after)

    async def _in_effect(self, target: Target, wanted: list[Share]) -> ServiceState:
        while True:
            service = await to_thread.run_sync(self._cloud.service, target.service)
            if service and not service.reconciling and _percents(service.effective) == _percents(wanted):
                return service
            await anyio.sleep(POLL)

    async def _verified(self, target: Target, deployed: Deployed, before: ServiceState, after: ServiceState) -> Result:
        """A split has no single revision to look for: there the effective traffic is the proof."""
        serving = after.serving
        identified = await identify(target, after.url, serving) if serving else None
        shifted = TrafficShifted(
            target=target.name,
            service=target.service,
            revision=serving,
            url=after.url,
            traffic_before=before.effective,
            traffic_after=after.effective,
            identity=identified.how if identified else "unverified: the traffic is split",
            answers=identified.answers if identified else 0,
        )
        if identified and not identified.verified:
            return Result(Outcome.FAILED, (f"identity: {identified.how}",), shifted)
        return Result(Outcome.PASSED, (), shifted)


def _wanted(kind: Kind, deployed: Deployed, service: ServiceState) -> list[Share]:
    """All to the new revision, or what was before it; tags that are not ours stay where they are."""
    foreign = [Share(s.revision, 0, s.tag) for s in service.effective if s.tag and not s.tag.startswith(TAG_PREFIX)]
    if kind is Kind.PROMOTE:
        return [Share(deployed.revision, 100), *foreign]
    return [*(Share(s.revision, s.percent) for s in deployed.traffic_before if s.percent), *foreign]


def _percents(shares: tuple[Share, ...] | list[Share]) -> dict[str, int]:
    percents: dict[str, int] = {}
    for share in shares:
        if share.percent:
            percents[share.revision] = percents.get(share.revision, 0) + share.percent
    return percents
