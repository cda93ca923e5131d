"""Kinds `promote` and `restore`: set the traffic by revision name, then see at the base URL that it is so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import anyio

from netra_loop.adapters.cloudrun import CloudRun, ServiceState
from netra_loop.adapters.google_errors import errored
from netra_loop.adapters.http import identify
from netra_loop.adapters.shifting import ForeignChange, others_tags, present, set_traffic
from netra_loop.adapters.stages import watch
from netra_loop.adapters.trial import Trial, tried
from netra_loop.core.agenda import FOREIGN_CHANGE, has_way_back
from netra_loop.core.events import Act, HandleKnown
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Kind, Plan
from netra_loop.core.promotion import Strategy
from netra_loop.core.rollout import Going, Watched, going
from netra_loop.core.seen import Deployed, Result, Share, Stage, TrafficShifted
from netra_loop.core.session import Session
from netra_loop.core.target import Target
from netra_loop.core.traffic import percents, spelled, staged
from netra_loop.ports import Say


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
        except ForeignChange as error:
            return Result(Outcome.ERRORED, (FOREIGN_CHANGE, str(error)))
        except Exception as error:
            return errored(error, f"shifting the traffic of {deployed.service}")

    async def _shift(self, shift: _Shift) -> Result:
        before = await present(self._cloud, shift.deployed.service)
        shift.refuse_foreign(before)
        if shift.act.kind is Kind.RESTORE:
            return await self._restored(shift, before)
        revision = shift.deployed.revision
        for wanted in shift.stages:
            if percents(wanted)[revision] < percents(before.effective).get(revision, 0):
                continue  # it had got further when it was cut off
            before = await self._set(shift, wanted, keep_candidate=True)
            held = await self._watched(shift, before)
            if held is not None:
                return held
        return await self._verified(shift, await self._set(shift, shift.all))

    async def _restored(self, shift: _Shift, before: ServiceState) -> Result:
        """Back to what was before, once it is seen that it is still good; a split has no single revision to look at."""
        back = percents(shift.back)
        if len(back) == 1 and back != percents(before.effective):
            (revision,) = back
            trial = Trial(shift.target, revision, shift.act.key, shift.refuse_foreign)
            seen = await tried(self._cloud, trial, shift.tell)
            if not seen.good:
                after = await present(self._cloud, before.name)
                return Result(Outcome.FAILED, (seen.said, "nothing was shifted"), shift.seen(after))
            shift = replace(shift, checked=seen.said)
        return await self._verified(shift, await self._set(shift, shift.back))

    async def _watched(self, shift: _Shift, after: ServiceState) -> Result | None:
        """Why a stage does not lead to the next one; None when it does. Stopped, it says so and stays where it is."""
        promotion, percent = shift.plan.promotion, percents(after.effective)[shift.deployed.revision]
        revision = shift.deployed.revision
        beside = await self._cloud.address(shift.target, after, revision=revision)
        alone = await self._cloud.address(shift.target, after, after.tag_url(shift.tag), revision)
        watched = Watched()
        try:
            watched = await watch(shift.target, beside, alone, promotion)
        except anyio.get_cancelled_exc_class():
            return Result(Outcome.INCOMPLETE, (f"stopped at {percent} %",), shift.seen(after))
        shift.watched.append(Stage(percent, watched.seconds, watched.samples, len(watched.findings)))
        if going(promotion, watched) is Going.ON:
            return None
        if watched.findings:
            return Result(Outcome.FAILED, (f"at {percent} %: {watched.findings[0]}",), shift.seen(after))
        few = f"held at {percent} %: {watched.samples} answers of the new revision, {promotion.samples} are needed"
        return Result(Outcome.INCOMPLETE, (few,), shift.seen(after))

    async def _set(self, shift: _Shift, lines: Sequence[Share], *, keep_candidate: bool = False) -> ServiceState:
        """The service with this traffic in effect; our own tags go, except while a candidate is still met alone."""
        name = shift.deployed.service
        path = f"v2/{self._cloud.parent}/services/{name}"
        shift.tell({"command": f"PATCH {path}?updateMask=traffic {spelled(lines)}"})

        def wanted(now: ServiceState) -> list[Share]:
            shift.refuse_foreign(now)
            return [*lines, *others_tags(now, ours=keep_candidate)]

        return await set_traffic(self._cloud, name, wanted, shift.tell)

    async def _verified(self, shift: _Shift, after: ServiceState) -> Result:
        """A split has no single revision to look for: there the effective traffic is the proof."""
        if not after.serving:
            return Result(Outcome.PASSED, (), shift.seen(after))
        identified = await identify(shift.target, await self._cloud.address(shift.target, after))
        seen = replace(shift.seen(after), identity=identified.how, answers=identified.answers)
        if not identified.verified:
            return Result(Outcome.FAILED, (f"identity: {identified.how}",), seen)
        return Result(Outcome.PASSED, (), seen)


@dataclass(frozen=True, slots=True)
class _Shift:
    """One promote or restore under way.

    watched: the stages that it has gone through; checked: how what comes back was found good.
    """

    act: Act
    plan: Plan
    deployed: Deployed
    say: Say
    watched: list[Stage] = field(default_factory=list)
    checked: str = ""

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

    def refuse_foreign(self, now: ServiceState) -> None:
        """Raise ForeignChange when the traffic is neither as it was found nor as this or an earlier try has left it."""
        ours = (self.deployed.traffic_before, self.all, *self.stages)
        if percents(now.effective) not in [percents(each) for each in ours]:
            serving = spelled(share for share in now.effective if share.percent)
            raise ForeignChange(f"{now.name} serves {serving}; nothing was touched")

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
            checked=self.checked,
        )
