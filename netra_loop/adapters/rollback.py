"""Kind `rollback`: give all traffic to an earlier revision, once it was seen to be good at a tag's URL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import anyio
from anyio import to_thread

from netra_loop.adapters.cloudrun import CloudRun, ServiceState
from netra_loop.adapters.google_errors import errored
from netra_loop.adapters.http import identify
from netra_loop.adapters.shifting import ForeignChange, others_tags, present, set_traffic
from netra_loop.adapters.trial import Trial, healthy_at, tried
from netra_loop.core.agenda import FOREIGN_CHANGE
from netra_loop.core.events import Act, HandleKnown
from netra_loop.core.goodness import stands_for
from netra_loop.core.outcome import Outcome
from netra_loop.core.redeploy import COMMIT_LABEL, SETTINGS_LABEL
from netra_loop.core.seen import Result, Share, TrafficShifted
from netra_loop.core.session import Session
from netra_loop.core.target import Target
from netra_loop.core.traffic import percents, read, spelled
from netra_loop.ports import Say


@dataclass(frozen=True, slots=True)
class _Rollback:
    """One rollback under way. before: the traffic as it was before the first try; checked: what a try saw of it.

    commits: what stands for the code of each revision that had traffic, where that is not the code that comes back.
    """

    act: Act
    target: Target
    revision: str
    before: tuple[Share, ...]
    checked: str
    commits: Mapping[str, str]
    say: Say

    @property
    def lines(self) -> list[Share]:
        return [Share(self.revision, 100)]

    @property
    def trial(self) -> Trial:
        return Trial(self.target, self.revision, self.act.key, self.refuse_foreign)

    def shifted(self, now: ServiceState) -> list[Share]:
        self.refuse_foreign(now)
        return [*self.lines, *others_tags(now)]

    def refuse_foreign(self, now: ServiceState) -> None:
        """Raise ForeignChange when the traffic is neither as it was found nor as it shall be."""
        if percents(now.effective) not in (percents(self.before), percents(self.lines)):
            serving = spelled(share for share in now.effective if share.percent)
            raise ForeignChange(f"{now.name} serves {serving} meanwhile; that was not touched")

    def tell(self, handle: Mapping[str, str]) -> None:
        self.say(HandleKnown(self.act.id, handle))

    def seen(self, now: ServiceState) -> TrafficShifted:
        return TrafficShifted(
            target=self.target.name,
            service=self.target.service,
            revision=now.serving,
            url=now.url,
            traffic_before=self.before,
            traffic_after=now.effective,
            identity="not looked at",
            answers=0,
            checked=self.checked,
            commits=self.commits,
        )


class RollbackRunner:
    """Looks first: traffic that is already as wanted is only verified, so a second try shifts nothing."""

    def __init__(self, cloud: CloudRun) -> None:
        self._cloud = cloud

    async def run(self, act: Act, session: Session, say: Say) -> Result:
        """PASSED once the base URL is healthy and answers with the revision; FAILED when the revision is not good."""
        target = session.plan.environment.target(act.subject)
        said = session.record(act.id).handle
        step = next(step for step in session.plan.steps if step.id == act.step)
        try:
            with anyio.fail_after(act.timeout):
                now = await present(self._cloud, target.service)
                before = read(said["traffic_before"]) if "traffic_before" in said else now.effective
                commits = await self._commits(target, step.revision, before)
                rollback = _Rollback(act, target, step.revision, before, said.get("checked", ""), commits, say)
                rollback.tell({"revision": step.revision, "traffic_before": spelled(before)})
                return await self._roll_back(rollback, now)
        except TimeoutError:
            return Result(Outcome.ERRORED, ("timed_out",))
        except ForeignChange as error:
            return Result(Outcome.ERRORED, (FOREIGN_CHANGE, str(error)))
        except Exception as error:
            return errored(error, f"rolling {target.service} back")

    async def _roll_back(self, rollback: _Rollback, now: ServiceState) -> Result:
        if percents(now.effective) != percents(rollback.lines):
            trial = await tried(self._cloud, rollback.trial, rollback.tell)
            if not trial.good:
                now = await present(self._cloud, now.name)
                return Result(Outcome.FAILED, (trial.said, "nothing was shifted"), rollback.seen(now))
            rollback = replace(rollback, checked=trial.said)
        path = f"v2/{self._cloud.parent}/services/{now.name}"
        command = f"PATCH {path}?updateMask=traffic {spelled(rollback.lines)}"
        rollback.tell({"checked": rollback.checked, "command": command})
        after = await set_traffic(self._cloud, now.name, rollback.shifted, rollback.tell)
        return await self._verified(rollback, after)

    async def _verified(self, rollback: _Rollback, after: ServiceState) -> Result:
        """Who answers at the base URL, and how."""
        address = await self._cloud.address(rollback.target, after, revision=rollback.revision)
        identified = await identify(rollback.target, address)
        seen = replace(rollback.seen(after), identity=identified.how, answers=identified.answers)
        if not identified.verified:
            return Result(Outcome.FAILED, (f"identity: {identified.how}",), seen)
        health = await healthy_at(rollback.target, address)
        if not health.good:
            return Result(Outcome.FAILED, (f"{after.url}: {health.said}",), seen)
        return Result(Outcome.PASSED, (), replace(seen, identity=f"{identified.how}, {health.said} at the base URL"))

    async def _commits(self, target: Target, wanted: str, before: Iterable[Share]) -> dict[str, str]:
        own = await self._labels(target, wanted)
        found: dict[str, str] = {}
        for revision in percents(before):
            commit, settings = await self._labels(target, revision)
            told = stands_for("" if commit == own[0] else commit, settings)
            if told and told not in own:
                found[revision] = told
        return found

    async def _labels(self, target: Target, revision: str) -> tuple[str, str]:
        """The commit and the settings that a revision was made of; empty where its labels say nothing of them."""
        found = await to_thread.run_sync(self._cloud.revision, target.service, revision)
        labels = found.labels if found else {}
        return labels.get(COMMIT_LABEL, ""), labels.get(SETTINGS_LABEL, "")
