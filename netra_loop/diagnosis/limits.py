"""Limits of ours that cut work off, and longer ones that recorded completions bear out: proposed, never applied."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from netra_loop.core.outcome import RED_OUTCOMES, Outcome, TestOutcome
from netra_loop.core.plan import Kind
from netra_loop.core.results import results_of
from netra_loop.core.seen import HealthSeen, WebSocketSeen
from netra_loop.core.session import ActRecord, Iteration, Session, suite_seen
from netra_loop.core.target import HealthCheck, WebSocketCheck
from netra_loop.diagnosis.calibration import FEWEST, p95, raised_limit
from netra_loop.diagnosis.latencies import FROM_INSIDE_OUT, Operation, operations_of

HEADROOM = 1.25  # a proposed limit is so many times what was seen
WITHIN = 0.9  # of the limit around it: the cap, so that the inner one still ends first
_TIMED_OUT = re.compile(r"tim(?:ed?|ing)[ _-]?out", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cut:
    """A limit that cut work off in the newest iteration, beside what completed of the same kind in the session.

    cut_off: how often; for a timeout that suites are given, the red tests that speak of one. Seconds; cap_s: what a
    longer limit must not exceed, below the limit around it. p95_s is None where no duration was recorded.
    """

    limit: str
    operation: str
    cut_off: int
    from_s: float
    cap_s: float
    completions: int = 0
    p95_s: float | None = None

    @property
    def to_s(self) -> float | None:
        """The longer limit to review; None where nothing that completed asks for one."""
        return None if self.refusal or self.p95_s is None else raised_limit(self.p95_s, HEADROOM, self.cap_s)

    @property
    def refusal(self) -> str:
        """Why no longer limit is proposed; empty where one is."""
        if not self.completions:
            return "never completed"
        if self.p95_s is None:
            return "how long it takes was not recorded"
        if self.completions < FEWEST:
            return "completed too seldom for a percentile"
        if self.p95_s <= self.from_s:
            return "what completed took no longer than the limit"
        return "" if self.p95_s <= self.cap_s else "what completed took longer than the limit around it allows"


def cuts(session: Session) -> tuple[Cut, ...]:
    """Every limit that cut work off in the newest iteration: of suites, of what they are given, and of checks."""
    iteration = session.current
    if iteration is None:
        return ()
    return (*_of_suites(session, iteration), *_of_timeouts(session, iteration), *_of_checks(session, iteration))


def _of_suites(session: Session, iteration: Iteration) -> Iterator[Cut]:
    """What is silent while a suite idles is a test, so tests say how long that may take."""
    for record in iteration.of_kind(Kind.SUITE):
        seen, suite, limit = suite_seen(record), session.plan.suite(record.act.subject), record.act.timeout
        if seen is not None and seen.ended_by == "timeout":
            name, cap = f"suite {suite.id}", _below(session.plan.budget.wall)
            yield Cut(f"timeout of {suite.id}", name, 1, limit, cap, *_done(_longest(session, [name])))
        if seen is not None and seen.ended_by == "idle" and suite.idle_timeout is not None:
            name, done = f"tests of {suite.id}", _passed(session, {suite.id})
            yield Cut(f"idle_timeout of {suite.id}", name, 1, suite.idle_timeout, _below(limit), *done)


def _of_timeouts(session: Session, iteration: Iteration) -> Iterator[Cut]:
    """What suites are given for what we see the end of; other names (`http` ...) are of work that we do not time."""
    counts = [(record, _timed_out(session, record)) for record in iteration.of_kind(Kind.SUITE)]
    records, count = [record for record, count in counts if count], sum(count for _, count in counts)
    suites, given = [record.act.subject for record in records], session.plan.environment.timeouts
    targets = dict.fromkeys(target for suite in suites for target in session.plan.suite(suite).targets)
    for position, name in enumerate(FROM_INSIDE_OUT):
        if not records or name not in given:
            continue
        outer = [given[each] for each in FROM_INSIDE_OUT[position + 1 :] if each in given]
        limit = (count, given[name], _below(*outer, *(record.act.timeout for record in records)))
        if name == "test":
            yield Cut("timeouts.test", f"tests of {', '.join(suites)}", *limit, *_passed(session, set(suites)))
        elif seen := _longest(session, [f"{name} {target}" for target in targets]):
            yield Cut(f"timeouts.{name}", seen.name, *limit, *_done(seen))


def _of_checks(session: Session, iteration: Iteration) -> Iterator[Cut]:
    for record in (*iteration.of_kind(Kind.HEALTH), *iteration.of_kind(Kind.WEBSOCKET)):
        seen = record.result.seen if record.result else None
        if isinstance(seen, HealthSeen):
            yield from _of_health(session, record)
        if isinstance(seen, WebSocketSeen):
            yield from _of_connections(session, record, seen)


def _of_health(session: Session, record: ActRecord) -> Iterator[Cut]:
    """A check that was still not healthy when its deadline came; how long those that passed took."""
    target = session.plan.environment.target(record.act.subject)
    deadline = (target.health or HealthCheck("/")).deadline
    if record.result and record.result.outcome is Outcome.FAILED and (_took(record) or 0.0) >= deadline:
        others = (other for each in session.iterations for other in each.of_kind(Kind.HEALTH))
        same = [other for other in others if other.act.step == record.act.step and other.result]
        passed = [_took(other) for other in same if other.result and other.result.outcome is Outcome.PASSED]
        done = _ranked([seconds for seconds in passed if seconds is not None])
        name = f"health check of {target.name}"
        yield Cut(f"deadline of the {name}", name, 1, deadline, _below(record.act.timeout), *done)


def _of_connections(session: Session, record: ActRecord, seen: WebSocketSeen) -> Iterator[Cut]:
    """What each deadline of a WebSocket check ended; how long a whole talk takes is not recorded."""
    check = session.plan.environment.target(seen.target).websocket or WebSocketCheck("/")
    within = _below(check.deadline)
    whole = seen.answered if check.event else seen.greeted if check.first else seen.opened
    connect, receive = (_longest(session, [f"{name} {seen.target}"]) for name in ("connect", "receive"))
    known = {
        "open_deadline": (f"connect {seen.target}", check.open_deadline, within, *_done(connect)),
        "first_deadline": (f"receive {seen.target}", check.first_deadline, within, *_done(receive)),
        "deadline": (f"connections of {seen.target}", check.deadline, _below(record.act.timeout), whole, None),
    }
    for name, count in seen.cut_off.items():
        operation, limit, cap, completions, longest = known[name]
        yield Cut(f"{name} of {seen.target}", operation, count, limit, cap, completions, longest)


def _below(*around: float) -> float:
    """The cap of a limit within these ones."""
    return round(WITHIN * min(around), 3)


def _took(record: ActRecord) -> float | None:
    return (record.ended - record.begun).total_seconds() if record.ended else None


def _timed_out(session: Session, record: ActRecord) -> int:
    """The red tests of a suite that speak of a timeout."""
    red = (result for result in results_of(session, record) if result.outcome in RED_OUTCOMES)
    return sum(bool(_TIMED_OUT.search(result.message)) for result in red)


def _longest(session: Session, names: Sequence[str]) -> Operation | None:
    """The operation with one of these names as the iteration recorded it in which it took longest."""
    every = (each for iteration in session.iterations for each in operations_of(session, iteration))
    return max((each for each in every if each.name in names), key=_length, default=None)


def _length(operation: Operation) -> tuple[bool, float]:
    return (operation.completed or 0) >= FEWEST, operation.p95_s or 0.0


def _done(operation: Operation | None) -> tuple[int, float | None]:
    """How often it completed, and its 95th percentile."""
    return (operation.completed or 0, operation.p95_s) if operation else (0, None)


def _passed(session: Session, suites: Collection[str]) -> tuple[int, float | None]:
    """How long the tests of suites take, by those that passed: what failed may have been cut off by this very limit."""
    records = (record for iteration in session.iterations for record in iteration.of_kind(Kind.SUITE))
    tests = [each for record in records if record.act.subject in suites for each in results_of(session, record)]
    passed = [each.duration_s for each in tests if each.outcome is TestOutcome.PASSED]
    return _ranked([seconds for seconds in passed if seconds is not None])


def _ranked(durations: Sequence[float]) -> tuple[int, float | None]:
    return len(durations), p95(durations) if durations else None
