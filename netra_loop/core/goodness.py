"""Which revisions sessions have proven good, and which they have rolled back: derived from their journals alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

from netra_loop.core.acts import CHANGING
from netra_loop.core.codec import timestamp
from netra_loop.core.events import GoodRevision, Quarantined
from netra_loop.core.outcome import Colour, Outcome, TestOutcome
from netra_loop.core.plan import Kind
from netra_loop.core.redeploy import DIRTY
from netra_loop.core.results import results_of
from netra_loop.core.seen import Deployed, TrafficShifted
from netra_loop.core.session import ActRecord, Iteration, Session
from netra_loop.core.traffic import percents

_IDLE = (TestOutcome.NOT_RUN, TestOutcome.SKIPPED)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What sessions say of revisions, the newest word first.

    good: proven good, and not rolled back since. quarantined: rolled back; a commit of it that was proven good since is
    not kept, its revision is.
    """

    good: tuple[GoodRevision, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()

    def knows(self, target: str) -> int:
        """How many revisions of a target are proven good."""
        return sum(each.target == target for each in self.good)


@dataclass(frozen=True, slots=True)
class Tested:
    """From when to when suites ran against a target, in UTC, empty where none did, and how many of their tests.

    A test that was run alone before counts twice.
    """

    since: str = ""
    until: str = ""
    tests: int = 0


def with_older(ledger: Ledger, session: Session) -> Ledger:
    """The ledger with what a session says that is older than all that it was made of."""
    known = {(each.target, each.revision) for each in ledger.good}
    known |= {(each.target, each.revision) for each in ledger.quarantined}
    good = (each for each in good_revisions(session) if (each.target, each.revision) not in known)
    proven_since = {(each.target, each.commit) for each in ledger.good}
    gone = (
        Quarantined(each.target, "", each.revision, each.session_id)
        if (each.target, each.commit) in proven_since
        else each
        for each in quarantined(session)
    )
    return Ledger((*ledger.good, *good), (*ledger.quarantined, *gone))


def stands_for(commit: str, settings: str) -> str:
    """What names that which was deployed: its commit if that held everything, else the digest of its settings."""
    return settings if not commit or commit.endswith(DIRTY) else commit


def good_revisions(session: Session) -> tuple[GoodRevision, ...]:
    """The revisions that a session proved good and left serving alone; none unless it is GREEN."""
    if session.verdict is None or session.verdict.colour is not Colour.GREEN:
        return ()
    found = (_left_serving(session, target.name) for target in session.plan.environment.targets)
    return tuple(each for each in found if each is not None)


def quarantined(session: Session) -> tuple[Quarantined, ...]:
    """What a session rolled back: everything that had traffic before and has none after."""
    return tuple(
        Quarantined(seen.target, seen.commits.get(revision, ""), revision, session.id)
        for iteration in session.iterations
        for record in iteration.of_kind(Kind.ROLLBACK)
        if (seen := _shifted(record)) is not None
        for revision in percents(seen.traffic_before)
        if revision not in percents(seen.traffic_after)
    )


def _left_serving(session: Session, target: str) -> GoodRevision | None:
    """What a target serves since the newest act that changed it."""
    for iteration in reversed(session.iterations):
        for record in reversed(tuple(iteration.acts.values())):
            if record.act.kind in CHANGING and record.act.subject == target:
                return _proven(session, iteration, record)
    return None


def _proven(session: Session, iteration: Iteration, record: ActRecord) -> GoodRevision | None:
    seen = record.result.seen if record.result and record.result.outcome is Outcome.PASSED else None
    if not isinstance(seen, Deployed | TrafficShifted) or percents(seen.traffic_after) != {seen.revision: 100}:
        return None
    if record.act.kind is Kind.ROLLBACK:  # it was looked at, not tested: only those who tested it have proven it
        proven = (each for each in session.good if (each.target, each.revision) == (seen.target, seen.revision))
        return next((replace(each, session_id=session.id) for each in proven), None)
    deployed = seen if isinstance(seen, Deployed) else iteration.deployed(seen.target)
    commit = stands_for(deployed.commit, deployed.settings) if deployed else ""
    tested = tested_by(session, session.iterations[-1], seen.target)
    return GoodRevision(
        seen.target,
        seen.revision,
        commit,
        session.id,
        tested.since,
        tested.until,
        tested.tests,
        commit if deployed and commit == deployed.commit else "",
    )


def tested_by(session: Session, iteration: Iteration, target: str) -> Tested:
    """When an iteration tested a target: its deploy was over then, and its promotion had not begun."""
    suites = [
        record
        for kind in (Kind.VERIFY, Kind.SUITE)
        for record in iteration.of_kind(kind)
        if record.ended and target in session.plan.suite(record.act.subject).targets
    ]
    if not suites:
        return Tested()
    since, until = min(record.begun for record in suites), max(record.ended for record in suites if record.ended)
    tests = sum(result.outcome not in _IDLE for record in suites for result in results_of(session, record))
    return Tested(timestamp(since), timestamp(until), tests)


def _shifted(record: ActRecord) -> TrafficShifted | None:
    seen = record.result.seen if record.result else None
    return seen if isinstance(seen, TrafficShifted) else None
