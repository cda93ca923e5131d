"""Kinds `promote` and `restore`: set the traffic by revision name, then see at the base URL that it is so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import anyio
from anyio import to_thread

from netra_loop.adapters.cloudrun import CloudRun, ServiceState
from netra_loop.adapters.google_errors import errored
from netra_loop.adapters.http import identify
from netra_loop.adapters.publish import POLL, TAG_PREFIX, wait_for
from netra_loop.adapters.stages import Place, watch
from netra_loop.core.agenda import FOREIGN_CHANGE, has_way_back
from netra_loop.core.events import Act, HandleKnown
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Kind, Plan, Strategy
from netra_loop.core.rollout import Going, Watched, going
from netra_loop.core.seen import Deployed, Result, Share, Stage, TrafficShifted
from netra_loop.core.session import Session
from netra_loop.core.target import Target
from netra_loop.core.traffic import percents, spelled, staged
from netra_loop.ports import Say

SHIFT_TIMEOUT = 110.0  # seconds for one change of the traffic until it is in effect


class ShiftRunner:
    """Looks first: traffic that is already as wanted is only verified, so a second try shifts nothing."""

    def __init__(self, cloud: CloudRun) -> None:
        self._cloud = cloud

    async def run(self, act: Act, session: Session, say: Say) -> Result:
        """PASSED once the traffic is in effect and the base URL answers with the revision; FAILED when it does not."""
        deployed = session.iterations[act.iteration - 1].deployed(act.subject)
        if deployed is None:
            return Result(Outcome.ERRORED, ("nothing was deployed",))
        try:
            with anyio.fail_after(act.timeout):
                return await self._shift(_Shift(act, session.plan, deployed, say))
        except TimeoutError:
            return Result(Outcome.ERRORED, ("timed_out",))
        except Exception as error:
            return errored(error, f"shifting the traffic of {deployed.service}")

    async def _shift(self, shift: _Shift) -> Result:
        deployed = shift.deployed
        before = await to_thread.run_sync(self._cloud.service, deployed.service)
        if before is None:
            return Result(Outcome.ERRORED, (f"service {deployed.service} is gone",))
        ours = (deployed.traffic_before, shift.all, *shift.stages)
        if percents(before.effective) not in [percents(each) for each in ours]:
            serving = spelled(share for share in before.effective if share.percent)
            return Result(Outcome.ERRORED, (FOREIGN_CHANGE, f"{before.name} serves {serving}; nothing was touched"))
        if shift.act.kind is Kind.RESTORE:
            after = await self._set(shift, before, shift.back)
            return await self._verified(shift, after)
        for wanted in shift.stages:
            if percents(wanted)[deployed.revision] < percents(before.effective).get(deployed.revision, 0):
                continue  # it had got further when it was cut off
            before = await self._set(shift, before, wanted, keep_candidate=True)
            held = await self._watched(shift, before)
            if held is not None:
                return held
        return await self._verified(shift, await self._set(shift, before, shift.all))

    async def _watched(self, shift: _Shift, after: ServiceState) -> Result | None:
        """Why a stage does not lead to the next one; None when it does. Stopped, it says so and stays where it is."""
        promotion, percent = shift.plan.promotion, percents(after.effective)[shift.deployed.revision]
        place = Place(after.url, after.tag_url(shift.tag), shift.deployed.revision)
        watched = Watched()
        try:
            watched = await watch(shift.target, place, promotion)
        except anyio.get_cancelled_exc_class():
            return Result(Outcome.INCOMPLETE, (f"stopped at {percent} %",), shift.seen(after))
        shift.watched.append(Stage(percent, watched.seconds, watched.samples, len(watched.findings)))
        if going(promotion, watched) is Going.ON:
            return None
        if watched.findings:
            return Result(Outcome.FAILED, (f"at {percent} %: {watched.findings[0]}",), shift.seen(after))
        few = f"held at {percent} %: {watched.samples} answers of the new revision, {promotion.samples} are needed"
        return Result(Outcome.INCOMPLETE, (few,), shift.seen(after))

    async def _set(
        self, shift: _Shift, before: ServiceState, lines: Sequence[Share], *, keep_candidate: bool = False
    ) -> ServiceState:
        """The service with this traffic in effect. What is so already is left alone; once begun it is not cut short."""
        wanted = [*lines, *_tags(before, ours=keep_candidate)]
        path = f"v2/{self._cloud.parent}/services/{before.name}"
        shift.tell({"command": f"PATCH {path}?updateMask=traffic {spelled(lines)}"})
        with anyio.fail_after(SHIFT_TIMEOUT, shield=True):
            if any(percents(shares) != percents(wanted) for shares in (before.effective, before.wanted)):
                operation = await to_thread.run_sync(self._cloud.shift, before, wanted)
                shift.tell({"operation": operation.operation.name})
                await wait_for(self._cloud, operation)
            return await self._in_effect(before.name, wanted)

    async def _in_effect(self, service_name: str, wanted: Sequence[Share]) -> ServiceState:
        while True:
            service = await to_thread.run_sync(self._cloud.service, service_name)
            if service and not service.reconciling and percents(service.effective) == percents(wanted):
                return service
            await anyio.sleep(POLL)

    async def _verified(self, shift: _Shift, after: ServiceState) -> Result:
        """A split has no single revision to look for: there the effective traffic is the proof."""
        if not after.serving:
            return Result(Outcome.PASSED, (), shift.seen(after))
        identified = await identify(shift.target, after.url, after.serving)
        seen = replace(shift.seen(after), identity=identified.how, answers=identified.answers)
        if not identified.verified:
            return Result(Outcome.FAILED, (f"identity: {identified.how}",), seen)
        return Result(Outcome.PASSED, (), seen)


@dataclass(frozen=True, slots=True)
class _Shift:
    """One promote or restore under way; watched: the stages that it has gone through."""

    act: Act
    plan: Plan
    deployed: Deployed
    say: Say
    watched: list[Stage] = field(default_factory=list)

    @property
    def target(self) -> Target:
        return self.plan.environment.target(self.act.subject)

    @property
    def all(self) -> list[Share]:
        return [Share(self.deployed.revision, 100)]

    @property
    def back(self) -> list[Share]:
        """What was before."""
        return [Share(share.revision, share.percent) for share in self.deployed.traffic_before if share.percent]

    @property
    def stages(self) -> list[list[Share]]:
        """The splits on the way to all traffic; none where nothing else has any."""
        if self.plan.strategy(self.deployed.target) is not Strategy.GRADUAL or not has_way_back(self.deployed):
            return []
        return [staged(self.back, self.deployed.revision, percent) for percent in self.plan.promotion.stages]

    @property
    def tag(self) -> str:
        return self.deployed.revision.removeprefix(f"{self.deployed.service}-")

    def tell(self, handle: Mapping[str, str]) -> None:
        self.say(HandleKnown(self.act.id, handle))

    def seen(self, after: ServiceState) -> TrafficShifted:
        return TrafficShifted(
            target=self.target.name,
            service=self.target.service,
            revision=after.serving,
            url=after.url,
            traffic_before=self.deployed.traffic_before,
            traffic_after=after.effective,
            identity="unverified: the traffic is split",
            answers=0,
            stages=tuple(self.watched),
        )


def _tags(service: ServiceState, *, ours: bool) -> list[Share]:
    """The tags of a service stay where they are; ours only while a candidate still has to be met alone."""
    tagged = (share for share in service.effective if share.tag)
    return [Share(s.revision, 0, s.tag) for s in tagged if ours or not s.tag.startswith(TAG_PREFIX)]
