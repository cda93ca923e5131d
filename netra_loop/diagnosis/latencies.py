"""How long everything took beside the limit it had, and limits that contradict each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from netra_loop.core.outcome import TestOutcome
from netra_loop.core.plan import Kind, Plan
from netra_loop.core.results import results_of
from netra_loop.core.seen import HealthSeen, WebSocketSeen
from netra_loop.core.session import Iteration, Session, diagnosed, suite_seen
from netra_loop.core.target import WebSocketCheck

_ENDED = frozenset(TestOutcome) - {TestOutcome.TIMEOUT, TestOutcome.SKIPPED, TestOutcome.NOT_RUN}
FROM_INSIDE_OUT = ("connect", "receive", "test")  # names of an environment's timeouts, each to be below the next


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of work in an environment. Seconds; p50_s, p95_s and limit_s are None where they are not known.

    completed: how often it came to an end of its own, for a request with any whole answer; unfinished: how often it was
    ended, refused or never answered; both None where that was not recorded. Only what completed has a duration: what
    never does says nothing of how long it would take.
    """

    name: str
    completed: int | None
    unfinished: int | None
    p50_s: float | None
    p95_s: float | None
    limit_s: float | None = None


def operations(session: Session) -> tuple[Operation, ...]:
    """What the newest iteration recorded: health, WebSocket connections, requests, tests and suites."""
    return operations_of(session, session.current) if session.current else ()


def operations_of(session: Session, iteration: Iteration) -> tuple[Operation, ...]:
    """What one iteration recorded."""
    return (
        *_checks(session, iteration),
        *_requests(iteration),
        *_tests(session, iteration),
        *_suites(session, iteration),
    )


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A limit that the limit around it ends first: both numbers, in words.

    place: the keys that lead to the inner one in its file, where a suite is named by its id.
    """

    place: tuple[str, ...]
    text: str


def contradictions(plan: Plan) -> tuple[Contradiction, ...]:
    """Limits that the limit around them ends first, for connect < receive < test < suite."""
    return (*_between_timeouts(plan), *_around_timeouts(plan), *_in_checks(plan))


def _checks(session: Session, iteration: Iteration) -> Iterator[Operation]:
    for record in (*iteration.of_kind(Kind.HEALTH), *iteration.of_kind(Kind.WEBSOCKET)):
        seen = record.result.seen if record.result else None
        if isinstance(seen, HealthSeen):
            without = None if seen.answered is None else seen.samples - seen.answered
            latency = (seen.latency_median_s, seen.latency_p95_s)
            yield Operation(f"health {seen.target}", seen.answered, without, *latency)
        if isinstance(seen, WebSocketSeen):
            check = session.plan.environment.target(seen.target).websocket
            yield from _connections(seen, check)


def _connections(seen: WebSocketSeen, check: WebSocketCheck | None) -> Iterator[Operation]:
    tried, opened, greeted = seen.connections, seen.opened, seen.greeted
    connect, receive = (check.open_deadline, check.first_deadline) if check else (None, None)
    yield Operation(f"connect {seen.target}", opened, tried - opened, seen.connect_s, seen.connect_p95_s, connect)
    if check and check.first:  # without one that is declared, none is waited for
        received = (seen.first_message_s, seen.first_message_p95_s)
        yield Operation(f"receive {seen.target}", greeted, opened - greeted, *received, receive)


def _requests(iteration: Iteration) -> Iterator[Operation]:
    found = diagnosed(iteration)
    for served in found.requests if found else ():
        lost = served.by_status.get("none", 0)
        yield Operation(f"requests {served.log.target}", served.log.count - lost, lost, served.p50_s, served.p95_s)


def _tests(session: Session, iteration: Iteration) -> Iterator[Operation]:
    for record in iteration.of_kind(Kind.SUITE):
        results = results_of(session, record)
        ended = [r.duration_s for r in results if r.outcome in _ENDED and r.duration_s is not None]
        unfinished = sum(result.outcome is TestOutcome.TIMEOUT for result in results)
        if ended or unfinished:
            yield _ranked(f"tests of {record.act.subject}", ended, unfinished, None)


def _suites(session: Session, iteration: Iteration) -> Iterator[Operation]:
    for record in iteration.of_kind(Kind.SUITE):
        seen = suite_seen(record)
        if seen is not None and record.ended is not None:
            by_itself = seen.ended_by == "itself"
            took = [(record.ended - record.begun).total_seconds()] if by_itself else []
            yield _ranked(f"suite {record.act.subject}", took, int(not by_itself), record.act.timeout)


def _ranked(name: str, durations: Sequence[float], unfinished: int, limit: float | None) -> Operation:
    ordered = sorted(durations)
    p50, p95 = (ordered[math.ceil(share * len(ordered)) - 1] if ordered else None for share in (0.5, 0.95))
    return Operation(name, len(ordered), unfinished, p50, p95, limit)


def _between_timeouts(plan: Plan) -> Iterator[Contradiction]:
    known = [(name, plan.environment.timeouts[name]) for name in FROM_INSIDE_OUT if name in plan.environment.timeouts]
    for (inner, less), (outer, more) in pairwise(known):
        if less >= more:
            yield _contradiction(("timeouts", inner), f"timeouts.{inner}", less, f"timeouts.{outer}", more)


def _around_timeouts(plan: Plan) -> Iterator[Contradiction]:
    for suite in plan.suites:
        limits: list[tuple[tuple[str, ...], str, float]] = [
            (("timeouts", name), f"timeouts.{name}", seconds) for name, seconds in plan.environment.timeouts.items()
        ]
        if suite.idle_timeout is not None:
            limits.append((("suites", suite.id, "idle_timeout"), f"idle_timeout of {suite.id}", suite.idle_timeout))
        for place, name, seconds in limits:
            if seconds >= suite.timeout:
                yield _contradiction(place, name, seconds, f"timeout of {suite.id}", suite.timeout)


def _in_checks(plan: Plan) -> Iterator[Contradiction]:
    for target in plan.environment.targets:
        check = target.websocket
        if check is not None and check.open_deadline >= check.deadline:
            place = ("services", target.name, "websocket", "open_deadline")
            name, outer = f"open_deadline of {target.name}", f"deadline of {target.name}"
            yield _contradiction(place, name, check.open_deadline, outer, check.deadline)


def _contradiction(place: tuple[str, ...], inner: str, less: float, outer: str, more: float) -> Contradiction:
    return Contradiction(place, f"{inner} is {less:g} s and {outer} {more:g} s: the outer one ends it first")
