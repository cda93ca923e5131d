"""The one fold: a session is what its entries say, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never

from netra_loop.core.control import by_test
from netra_loop.core.events import (
    Act,
    ActEnded,
    ActStarted,
    Before,
    Entry,
    Git,
    GoodRevision,
    HandleKnown,
    Interrupted,
    IterationBegun,
    Quarantined,
    ReaderUnplugged,
    SessionFinished,
    SessionOpened,
    SessionResumed,
    StopAsked,
    TestResult,
    TestsCollected,
    TestsObserved,
    Ticked,
    Verdict,
)
from netra_loop.core.outcome import Outcome
from netra_loop.core.past import Past
from netra_loop.core.plan import Kind, Plan, ResumeClass
from netra_loop.core.problem import Diagnosed, Remedy
from netra_loop.core.proof import Control, confirmed
from netra_loop.core.seen import ControlSeen, Deployed, Result, SuiteSeen


@dataclass(frozen=True, slots=True)
class TestLog:
    """What one attempt of a suite told of its tests, in batches as they came; entries: the numbers of their entries."""

    __test__ = False

    collected: tuple[str, ...] = ()
    batches: tuple[tuple[TestResult, ...], ...] = ()
    started: tuple[str, ...] = ()
    entries: tuple[int, ...] = ()

    @property
    def results(self) -> tuple[TestResult, ...]:
        """Every attempt of every test, in the order of their ends."""
        return tuple(result for batch in self.batches for result in batch)

    @property
    def told_in(self) -> Mapping[str, int]:
        """For each test that ended the number of the entry that told so, the newest one."""
        batches = zip(self.entries, self.batches, strict=True)
        return {result.id: entry for entry, batch in batches for result in batch}


@dataclass(frozen=True, slots=True)
class ActRecord:
    """One act as far as it got. adrift: it was under way when its session died, and nobody has taken it up again.

    begun: when its newest attempt began; earlier: what broken attempts told of their tests. entry: the number of the
    entry that told its result, 0 before there is one.
    """

    act: Act
    started: datetime
    begun: datetime
    attempt: int = 1
    handle: Mapping[str, str] = field(default_factory=dict)
    tests: TestLog = field(default_factory=TestLog)
    earlier: tuple[TestLog, ...] = ()
    stop: str = ""
    adrift: bool = False
    ended: datetime | None = None
    result: Result | None = None
    entry: int = 0

    @property
    def running(self) -> bool:
        return self.result is None and not self.adrift


@dataclass(frozen=True, slots=True)
class Iteration:
    """One pass from deploy to verdict; acts in the order of their newest start, by id."""

    number: int
    begun: datetime
    acts: Mapping[str, ActRecord] = field(default_factory=dict)

    def of_step(self, step_id: str) -> ActRecord | None:
        """The record of a plan's step, None while it was not started."""
        return next((record for record in self.acts.values() if record.act.step == step_id), None)

    def of_kind(self, kind: Kind) -> tuple[ActRecord, ...]:
        return tuple(record for record in self.acts.values() if record.act.kind is kind)

    def deployed(self, target: str) -> Deployed | None:
        """The revision that this iteration deployed for a target."""
        for record in self.of_kind(Kind.DEPLOY):
            if record.result and isinstance(record.result.seen, Deployed) and record.result.seen.target == target:
                return record.result.seen
        return None


@dataclass(frozen=True, slots=True)
class Session:
    """The fold of all entries so far. asleep: how long nobody ran it, between its deaths and its resumes."""

    id: str
    seq: int
    opened: datetime
    at: datetime
    plan: Plan
    command: str
    git: Git | None
    previous: str
    version: str
    before: Before | None = None
    last_collected: Mapping[str, int] = field(default_factory=dict)
    good: tuple[GoodRevision, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    past: Past = field(default_factory=Past)
    iterations: tuple[Iteration, ...] = ()
    resumed: tuple[str, ...] = ()
    asleep: timedelta = timedelta()
    interrupted: int = 0
    unplugged: tuple[ReaderUnplugged, ...] = ()
    verdict: Verdict | None = None

    @property
    def current(self) -> Iteration | None:
        return self.iterations[-1] if self.iterations else None

    @property
    def running(self) -> tuple[ActRecord, ...]:
        return tuple(record for record in _records(self) if record.running)

    @property
    def adrift(self) -> tuple[ActRecord, ...]:
        return tuple(record for record in _records(self) if record.adrift)

    def record(self, act_id: str) -> ActRecord:
        return next(i.acts[act_id] for i in self.iterations if act_id in i.acts)


def replay(entries: Iterable[Entry]) -> Session | None:
    """The session of a journal's entries; None for none. Raises ValueError when the first does not open one."""
    session: Session | None = None
    for entry in entries:
        session = evolve(session, entry)
    return session


def evolve(session: Session | None, entry: Entry) -> Session:
    """The session after one more entry; only SessionOpened may come first, and only there."""
    event = entry.event
    if isinstance(event, SessionOpened):
        if session is not None:
            raise ValueError("a session opens once")
        return _opened(event, entry)
    if session is None:
        raise ValueError("a session begins with its opening")
    silence = entry.at - session.at
    session = replace(session, seq=entry.seq, at=entry.at)
    match event:
        case SessionResumed(command):
            return _resumed(replace(session, asleep=session.asleep + silence), command)
        case IterationBegun(number):
            return replace(session, iterations=(*session.iterations, Iteration(number, entry.at)))
        case ActStarted(act):
            return _started(session, act, entry.at)
        case HandleKnown(act_id, handle):
            return _amended(session, act_id, handle={**session.record(act_id).handle, **handle})
        case TestsCollected(act_id, ids):
            tests = session.record(act_id).tests
            return _amended(session, act_id, tests=replace(tests, collected=(*tests.collected, *ids)))
        case TestsObserved(act_id, _, _):
            return _amended(session, act_id, tests=_observed(session.record(act_id).tests, event, entry.seq))
        case StopAsked(act_id, why):
            return _amended(session, act_id, stop=why)
        case ActEnded(act_id, result):
            return _ended(session, act_id, result, entry)
        case Interrupted(signal):
            return replace(session, interrupted=signal)
        case ReaderUnplugged():
            return replace(session, unplugged=(*session.unplugged, event))
        case SessionFinished(verdict):
            return replace(session, verdict=verdict)
        case Ticked():
            return session
        case _:
            assert_never(event)


def _opened(event: SessionOpened, entry: Entry) -> Session:
    return Session(
        id=event.session_id,
        seq=entry.seq,
        opened=entry.at,
        at=entry.at,
        plan=event.plan,
        command=event.command,
        git=event.git,
        previous=event.previous,
        version=event.version,
        before=event.before,
        last_collected=event.last_collected,
        good=event.good,
        quarantined=event.quarantined,
        past=event.past,
    )


def _resumed(session: Session, command: str) -> Session:
    """Whatever ran when the session died is adrift now, and so is what a signal cut short; the signal is forgotten."""
    cut = [r for r in _records(session) if r.stop and r.result and r.act.resume is not ResumeClass.ONCE]
    for record in (*session.running, *(cut if session.interrupted else ())):
        session = _amended(session, record.act.id, adrift=True, result=None, ended=None, entry=0, stop="")
    return replace(session, resumed=(*session.resumed, command), interrupted=0, verdict=None)


def _records(session: Session) -> Iterable[ActRecord]:
    return (record for iteration in session.iterations for record in iteration.acts.values())


def _started(session: Session, act: Act, at: datetime) -> Session:
    """A first attempt, or one more of an act that was adrift: it keeps what makes its effect recognisable.

    What the broken attempt told of its tests is kept apart; the process it spoke of is gone.
    """
    before = session.iterations[act.iteration - 1].acts.get(act.id)
    if before is None:
        return _with(session, ActRecord(act, at, at))
    handle = {name: value for name, value in before.handle.items() if name not in ("pid", "ended_by")}
    earlier = (*before.earlier, before.tests)
    record = ActRecord(act, before.started, at, before.attempt + 1, handle, earlier=earlier)
    return _with(_without(session, act), record)


def _without(session: Session, act: Act) -> Session:
    """So that an act that begins anew comes after all that happened meanwhile."""
    position = act.iteration - 1
    iteration = session.iterations[position]
    iteration = replace(iteration, acts={key: kept for key, kept in iteration.acts.items() if key != act.id})
    return replace(session, iterations=(*session.iterations[:position], iteration, *session.iterations[position + 1 :]))


def _amended(session: Session, act_id: str, **changes: object) -> Session:
    return _with(session, replace(session.record(act_id), **changes))  # type: ignore[arg-type]


def _with(session: Session, record: ActRecord) -> Session:
    position = record.act.iteration - 1
    iteration = session.iterations[position]
    iteration = replace(iteration, acts={**iteration.acts, record.act.id: record})
    return replace(session, iterations=(*session.iterations[:position], iteration, *session.iterations[position + 1 :]))


def _ended(session: Session, act_id: str, result: Result, entry: Entry) -> Session:
    """With what the targets' own log said of a suite's tests; for that they are read again."""
    tests = session.record(act_id).tests
    if isinstance(result.seen, SuiteSeen) and result.seen.witnessed:
        requests = result.seen.witnessed
        batches = tuple(tuple(_confirmed(test, requests) for test in batch) for batch in tests.batches)
        tests = replace(tests, batches=batches)
    return _amended(session, act_id, ended=entry.at, result=result, entry=entry.seq, tests=tests)


def _confirmed(test: TestResult, requests: Mapping[str, int]) -> TestResult:
    return replace(test, proof=confirmed(test.proof, requests.get(test.id, 0)))


def _observed(tests: TestLog, event: TestsObserved, entry: int) -> TestLog:
    ended = {result.id for result in event.results}
    under_way = tuple(test for test in dict.fromkeys((*tests.started, *event.started)) if test not in ended)
    if not event.results:
        return replace(tests, started=under_way)
    batches, entries = (*tests.batches, event.results), (*tests.entries, entry)
    return replace(tests, batches=batches, entries=entries, started=under_way)


def diagnosed(iteration: Iteration) -> Diagnosed | None:
    """What the diagnosis of an iteration found, None before there is one."""
    for record in iteration.of_kind(Kind.DIAGNOSE):
        if record.result and isinstance(record.result.seen, Diagnosed):
            return record.result.seen
    return None


def cured(iteration: Iteration) -> tuple[Remedy, ...]:
    """The remedies that were applied at the end of an iteration."""
    found = diagnosed(iteration)
    done = {r.act.subject for r in iteration.of_kind(Kind.CURE) if r.result and r.result.outcome is Outcome.PASSED}
    return tuple(remedy for remedy in (found.remedies if found else ()) if remedy.id in done)


def undone(iteration: Iteration) -> frozenset[str]:
    """The ids of the remedies that were taken back at the end of an iteration."""
    records = iteration.of_kind(Kind.UNDO)
    return frozenset(r.act.subject for r in records if r.result and r.result.outcome is Outcome.PASSED)


def suite_seen(record: ActRecord) -> SuiteSeen | None:
    """What is known of a suite's process once its act ended."""
    seen = record.result.seen if record.result else None
    return seen if isinstance(seen, SuiteSeen) else None


def control_of(session: Session, suite: str) -> Mapping[str, Control]:
    """What the newest negative control of a suite says of each of its tests; empty where none has ended."""
    seen = [record.result.seen for record in _records(session) if record.result and record.act.subject == suite]
    controls = [each for each in seen if isinstance(each, ControlSeen)]
    return by_test(controls[-1]) if controls else {}
