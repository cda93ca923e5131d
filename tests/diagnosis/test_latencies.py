"""How long everything took, beside its limit; and limits that contradict each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from netra_loop.core.events import ActEnded, TestResult, TestsCollected, TestsObserved
from netra_loop.core.logs import LogsSeen
from netra_loop.core.outcome import Outcome, TestOutcome
from netra_loop.core.plan import Plan
from netra_loop.core.problem import Diagnosed
from netra_loop.core.seen import HealthSeen, Result, SuiteSeen, WebSocketSeen
from netra_loop.core.signals import Requests
from netra_loop.core.target import WebSocketCheck
from netra_loop.diagnosis.latencies import Contradiction, Operation, contradictions, operations
from tests.stories import NEW, Story, usual_plan

SOCKET = WebSocketCheck("/ws", {"/type": "welcome"}, open_deadline=5.0, first_deadline=4.0, deadline=10.0)


def plan_with(timeouts: Mapping[str, float] | None = None, check: WebSocketCheck = SOCKET, **suite: object) -> Plan:
    plan = usual_plan()
    targets = tuple(replace(target, websocket=check) for target in plan.environment.targets)
    environment = replace(plan.environment, targets=targets, timeouts=timeouts or {})
    first, *others = plan.suites
    changed = replace(first, timeout=60.0, **suite)  # type: ignore[arg-type]
    return replace(plan, environment=environment, suites=(changed, *(replace(o, timeout=60.0) for o in others)))


def ran(*results: TestResult, ended_by: str = "itself") -> dict[str, Operation]:
    """The operations of an iteration whose suite p1 had these tests and took ten seconds."""
    story = Story(plan_with()).begin().deploys()
    act = f"{story.iteration}/p1"
    story.start("p1").emit(TestsCollected(act, tuple(result.id for result in results)))
    story.emit(TestsObserved(act, results, ()))
    seen = SuiteSeen("p1", 0, ended_by, True, True, 0, {"backend": NEW}, {"backend": NEW})
    story.emit(ActEnded(act, Result(Outcome.PASSED, (), seen)), after=8.0)
    return {each.name: each for each in operations(story.session)}


def test_tests_that_ended_have_percentiles_and_those_that_were_cut_off_are_only_counted() -> None:
    durations = (0.1, 0.2, 0.3, 4.0)
    ended = [TestResult(f"t{n}", TestOutcome.PASSED, took) for n, took in enumerate(durations)]
    found = ran(*ended, TestResult("slow", TestOutcome.TIMEOUT, 30.0), TestResult("left", TestOutcome.SKIPPED, 0.0))

    assert found["tests of p1"] == Operation("tests of p1", 4, 1, 0.2, 4.0)


def test_a_suite_that_ended_by_itself_stands_beside_its_limit() -> None:
    assert ran()["suite p1"] == Operation("suite p1", 1, 0, 10.0, 10.0, 60.0)


def test_a_suite_that_was_ended_has_no_duration_that_would_ask_for_a_longer_limit() -> None:
    assert ran(ended_by="timeout")["suite p1"] == Operation("suite p1", 0, 1, None, None, 60.0)


def test_checks_and_requests_are_told_as_they_were_recorded() -> None:
    story = Story(plan_with()).begin().deploys()
    story.does("health-backend", seen=HealthSeen("backend", "u", NEW, 10, 3, 0.1, 0.4, (), 2, 0.3, answered=6))
    served = Requests(LogsSeen("backend", "q", "w", NEW, 9, False), {"2xx": 8, "none": 1}, 0.1, 0.9)
    story.start("diagnose").end("diagnose", seen=Diagnosed((), (), 0, requests=(served,)))

    assert operations(story.session) == (
        Operation("health backend", 6, 4, 0.1, 0.3),
        Operation("requests backend", 8, 1, 0.1, 0.9),
    )


def test_of_a_health_check_that_did_not_record_its_answers_none_are_counted() -> None:
    story = Story(plan_with()).begin().deploys()
    story.does("health-backend", seen=HealthSeen("backend", "u", NEW, 10, 3, 0.1, 0.4, (), 2, 0.3))

    assert operations(story.session) == (Operation("health backend", None, None, 0.1, 0.3),)


def test_where_no_first_message_is_declared_none_is_missed() -> None:
    seen = WebSocketSeen("backend", "u", 0.05, None, None, 2, 2, 0, 0, 0.06)
    story = Story(plan_with(check=replace(SOCKET, first={}))).begin().deploys().does("health-backend", seen=seen)

    assert operations(story.session) == (Operation("connect backend", 2, 0, 0.05, 0.06, 5.0),)


def test_connections_are_counted_as_far_as_they_got_beside_the_limit_of_each_part() -> None:
    seen = WebSocketSeen("backend", "u", 0.05, 0.2, 0.3, 10, 8, 7, 6, 0.06, 0.25)
    story = Story(plan_with()).begin().deploys().does("health-backend", seen=seen)

    assert operations(story.session) == (
        Operation("connect backend", 8, 2, 0.05, 0.06, 5.0),
        Operation("receive backend", 7, 1, 0.2, 0.25, 4.0),
    )


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (plan_with(), ()),
        (plan_with({"connect": 1.0, "receive": 2.0, "test": 3.0, "other": 59.0}), ()),
        (
            plan_with({"connect": 2.0, "receive": 2.0}),
            (
                Contradiction(
                    ("timeouts", "connect"),
                    "timeouts.connect is 2 s and timeouts.receive 2 s: the outer one ends it first",
                ),
            ),
        ),
        (
            plan_with(idle_timeout=60.0),
            (
                Contradiction(
                    ("suites", "p1", "idle_timeout"),
                    "idle_timeout of p1 is 60 s and timeout of p1 60 s: the outer one ends it first",
                ),
            ),
        ),
        (
            plan_with(check=replace(SOCKET, open_deadline=10.0)),
            (
                Contradiction(
                    ("services", "backend", "websocket", "open_deadline"),
                    "open_deadline of backend is 10 s and deadline of backend 10 s: the outer one ends it first",
                ),
            ),
        ),
    ],
)
def test_limits_that_the_limit_around_them_ends_first_are_named(
    plan: Plan, expected: tuple[Contradiction, ...]
) -> None:
    assert contradictions(plan) == expected


def test_a_timeout_of_the_environment_is_held_against_each_suite() -> None:
    assert [each.text.partition(":")[0] for each in contradictions(plan_with({"http": 60.0}))] == [
        "timeouts.http is 60 s and timeout of p1 60 s",
        "timeouts.http is 60 s and timeout of events 60 s",
    ]


def test_before_anything_ran_there_is_nothing_to_tell() -> None:
    assert operations(Story(plan_with()).session) == ()
