"""Limits that cut work off, and when a longer one is proposed: only where recorded completions bear it out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

import netra_loop.views
from netra_loop.core.events import ActEnded, HandleKnown, TestResult, TestsCollected, TestsObserved
from netra_loop.core.outcome import Outcome, Proof, TestOutcome
from netra_loop.core.plan import Plan
from netra_loop.core.policy import decide
from netra_loop.core.seen import HealthSeen, Result, SuiteSeen, WebSocketSeen
from netra_loop.core.target import WebSocketCheck
from netra_loop.diagnosis.limits import Cut, cuts
from netra_loop.views.latencies import latencies
from netra_loop.views.result import result_of
from tests.stories import NEW, PROVEN_FACTS, Story, usual_plan

SCHEMA = json.loads(Path(netra_loop.views.__file__).with_name("result.schema.json").read_text("utf-8"))
SOCKET = WebSocketCheck("/ws", {"/type": "welcome"}, open_deadline=5.0, first_deadline=6.0, deadline=10.0)


def plan_with(timeouts: Mapping[str, float] | None = None, idle: float | None = None, iterations: int = 1) -> Plan:
    """The suites' timeout is 60 s, and the session's 3600 s."""
    plan = usual_plan(iterations=iterations)
    targets = tuple(replace(target, websocket=SOCKET) for target in plan.environment.targets)
    suites = tuple(replace(each, idle_timeout=idle) for each in plan.suites)
    return replace(plan, environment=replace(plan.environment, targets=targets, timeouts=timeouts or {}), suites=suites)


def passed(*durations: float) -> list[TestResult]:
    return [
        TestResult(f"passed-{n}", TestOutcome.PASSED, took, proof=Proof.PROVEN, facts=PROVEN_FACTS)
        for n, took in enumerate(durations)
    ]


def failed(message: str, took: float = 2.0) -> TestResult:
    return TestResult(f"failed: {message}", TestOutcome.FAILED, took, message)


def suite(story: Story, *results: TestResult, ended_by: str = "itself") -> Story:
    """The suite p1 runs these tests, and its process ends so."""
    act = f"{story.iteration}/p1"
    story.start("p1").emit(TestsCollected(act, tuple(result.id for result in results)))
    story.emit(TestsObserved(act, results, ())).emit(HandleKnown(act, {"ended_by": ended_by}))
    seen = SuiteSeen("p1", 1, ended_by, True, True, 0, {"backend": NEW}, {"backend": NEW})
    outcome = Outcome.FAILED if ended_by == "itself" else Outcome.INCOMPLETE
    return story.emit(ActEnded(act, Result(outcome, (), seen)))


def greeted(story: Story, p95_s: float | None, greeted: int, cut_off: Mapping[str, int] | None = None) -> Story:
    """A check with ten connections, so many of which got their first message."""
    seen = WebSocketSeen("backend", "u", 0.1, p95_s, None, 10, 10, greeted, 0, 0.2, p95_s, cut_off or {})
    return story.does("health-backend", seen=seen)


def started(plan: Plan) -> Story:
    return Story(plan).begin().deploys()


def only(story: Story) -> Cut:
    (found,) = cuts(story.session)
    return found


def test_a_client_timeout_below_what_our_own_check_saw_complete_is_proposed_to_be_longer() -> None:
    story = greeted(started(plan_with({"receive": 2.0, "test": 30.0})), 3.2, 9)
    found = cuts(suite(story, failed("TimeoutError: no greeting"), failed("timed out after 2 s")).session)

    assert found[0] == Cut("timeouts.receive", "receive backend", 2, 2.0, 27.0, 9, 3.2)
    assert (found[0].to_s, found[0].refusal) == (4.0, "")


@pytest.mark.parametrize(
    ("timeouts", "cap"),
    [
        ({"connect": 2.0, "receive": 10.0, "test": 30.0}, 9.0),
        ({"connect": 2.0, "test": 30.0}, 27.0),
        ({"connect": 2.0}, 54.0),
    ],
    ids=["receive", "test", "suite"],
)
def test_the_cap_is_below_the_next_limit_around_it(timeouts: Mapping[str, float], cap: float) -> None:
    story = suite(greeted(started(plan_with(timeouts)), 3.0, 9), failed("connect timeout"))

    assert (cuts(story.session)[0].limit, cuts(story.session)[0].cap_s) == ("timeouts.connect", cap)


@pytest.mark.parametrize(
    ("p95_s", "completions", "to_s", "refusal"),
    [
        (None, 0, None, "never completed"),
        (None, 5, None, "how long it takes was not recorded"),
        (3.2, 2, None, "completed too seldom for a percentile"),
        (2.0, 9, None, "what completed took no longer than the limit"),
        (2.1, 9, 2.7, ""),
        (8.9, 9, 9.0, ""),
        (9.0, 9, 9.0, ""),
        (9.1, 9, None, "what completed took longer than the limit around it allows"),
    ],
)
def test_a_longer_limit_needs_completions_between_the_old_one_and_the_cap(
    p95_s: float | None, completions: int, to_s: float | None, refusal: str
) -> None:
    found = Cut("timeouts.receive", "receive backend", 1, 2.0, 9.0, completions, p95_s)

    assert (found.to_s, found.refusal) == (to_s, refusal)


def test_red_tests_that_speak_of_no_timeout_were_cut_off_by_none() -> None:
    story = greeted(started(plan_with({"receive": 2.0})), 3.2, 9)

    assert cuts(suite(story, failed("assert 1 == 2"), *passed(1.0)).session) == ()


def test_a_timeout_for_work_that_was_not_timed_is_not_told() -> None:
    story = started(plan_with({"receive": 2.0, "http": 2.0}))

    assert cuts(suite(story, failed("timed out")).session) == ()


def test_what_a_failed_test_took_says_nothing_of_how_long_it_would_take() -> None:
    story = started(plan_with({"test": 2.0}))
    hung = [failed(f"timeout {n}", 20.0) for n in range(5)]

    assert only(suite(story, *hung)) == Cut("timeouts.test", "tests of p1", 5, 2.0, 54.0)
    assert only(story).refusal == "never completed"


def test_a_suite_that_idled_is_measured_by_its_tests_that_passed_in_the_whole_session() -> None:
    story = suite(started(plan_with(idle=5.0, iterations=2)), *passed(8.0, 12.0, 1.0))
    story.begin().deploys(digest="sha256:bb")
    found = only(suite(story, *passed(2.0), ended_by="idle"))

    assert found == Cut("idle_timeout of p1", "tests of p1", 1, 5.0, 54.0, 4, 12.0)
    assert found.to_s == 15.0


@pytest.mark.parametrize("ended_by", ["itself", "stop"])
def test_a_suite_that_no_limit_ended_was_not_cut_off(ended_by: str) -> None:
    assert cuts(suite(started(plan_with(idle=5.0)), *passed(8.0, 9.0, 9.0), ended_by=ended_by).session) == ()


def test_a_suite_that_never_completed_gets_no_longer_timeout() -> None:
    found = only(suite(started(plan_with()), *passed(1.0), ended_by="timeout"))

    assert found == Cut("timeout of p1", "suite p1", 1, 60.0, 3240.0)
    assert (found.to_s, found.refusal) == (None, "never completed")


def test_each_deadline_of_a_websocket_check_stands_beside_what_it_ended() -> None:
    cut_off = {"open_deadline": 1, "first_deadline": 3, "deadline": 2}

    assert cuts(greeted(started(plan_with()), 5.5, 4, cut_off).session) == (
        Cut("open_deadline of backend", "connect backend", 1, 5.0, 9.0, 10, 0.2),
        Cut("first_deadline of backend", "receive backend", 3, 6.0, 9.0, 4, 5.5),
        Cut("deadline of backend", "connections of backend", 2, 10.0, 54.0, 4),
    )


@pytest.mark.parametrize(
    ("outcome", "took", "is_cut"),
    [(Outcome.FAILED, 30.0, True), (Outcome.FAILED, 29.0, False), (Outcome.PASSED, 30.0, False)],
    ids=["not healthy by the deadline", "found unhealthy before", "healthy at last"],
)
def test_a_health_check_is_cut_off_only_by_its_deadline(outcome: Outcome, took: float, is_cut: bool) -> None:
    story = started(plan_with()).start("health-backend")
    seen = HealthSeen("backend", "u", NEW, 9, 0, 0.1, 0.2, answered=9)
    story.emit(ActEnded("1/health-backend", Result(outcome, (), seen)), after=took)
    name = "health check of backend"

    assert cuts(story.session) == ((Cut(f"deadline of the {name}", name, 1, 30.0, 54.0),) if is_cut else ())


def test_before_anything_ran_nothing_was_cut_off() -> None:
    assert cuts(Story(plan_with()).session) == ()


def told(tests: Sequence[TestResult], timeouts: Mapping[str, float]) -> Story:
    return suite(greeted(started(plan_with(timeouts)), 3.2, 9), *tests)


def test_a_proposal_is_told_with_its_figures_as_one_for_a_person_to_review() -> None:
    document = json.loads(json.dumps(result_of(told([failed("timed out")], {"receive": 2.0}).session)))

    jsonschema.validate(document, SCHEMA)
    assert document["calibration"]["limits"] == [
        {
            "environment": "local",
            "limit": "timeouts.receive",
            "operation": "receive backend",
            "cut_off": 1,
            "from_s": 2.0,
            "cap_s": 54.0,
            "completions": 9,
            "p95_s": 3.2,
            "to_s": 4.0,
            "seat": "oracle",
            "state": "needs_review",
            "refusal": "",
        }
    ]
    assert (
        "Limit `timeouts.receive`, 2.0 s: 1 cut off. Proposed is 4.0 s, for a person to review and never applied here: "
        "`receive backend` completed 9 times, ninety-fifth percentile 3.2 s, cap 54.0 s."
    ) in latencies(document["calibration"])
    assert [each["id"] for each in document["next_actions"] if each["id"].startswith("limit:")] == [
        "limit:timeouts.receive"
    ]
    assert document["remedies"] == []


def test_where_none_is_proposed_one_line_says_why() -> None:
    document = result_of(told([failed("timed out")], {"receive": 4.0}).session)

    assert (document["calibration"]["limits"][0]["to_s"], document["calibration"]["limits"][0]["state"]) == (None, None)
    assert (
        "Limit `timeouts.receive`, 4.0 s: 1 cut off. `receive backend`: what completed took no longer than the limit; "
        "no longer limit is proposed."
    ) in latencies(document["calibration"])
    assert not any(each["id"].startswith("limit:") for each in document["next_actions"])


def test_a_proposal_decides_nothing() -> None:
    with_proposal, without = (told([failed("timed out")], {"receive": limit}) for limit in (2.0, 4.0))

    assert [bool(cuts(story.session)[0].to_s) for story in (with_proposal, without)] == [True, False]
    assert decide(with_proposal.session) == decide(without.session)
