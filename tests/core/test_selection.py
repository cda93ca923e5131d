"""How many tests a suite found before: which sessions are a measure of it, and which are not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netra_loop.core.events import ActEnded, HandleKnown, TestsCollected
from netra_loop.core.outcome import Outcome, TestOutcome
from netra_loop.core.plan import Plan
from netra_loop.core.seen import Result, SuiteSeen
from netra_loop.core.selection import FEWER_THAN_LAST_TIME, Collection, LastTime, collected_in
from tests.stories import Story, suite, usual_plan

PLAN = usual_plan()
ID = Story(PLAN).session.id


def changed(plan: Plan, **changes: object) -> Plan:
    """The plan with its first suite changed."""
    return replace(plan, suites=(replace(plan.suites[0], **changes), *plan.suites[1:]))  # type: ignore[arg-type]


def test_every_suite_that_ran_is_a_measure_red_or_green() -> None:
    session = Story(PLAN).runs({"a": TestOutcome.FAILED, "b": TestOutcome.PASSED}, ["c"]).session

    assert collected_in(session, PLAN) == {"p1": LastTime(ID, 2), "events": LastTime(ID, 1)}


def test_the_newest_iteration_speaks() -> None:
    session = Story(PLAN).runs(["a", "b"]).runs(["a", "b", "d"]).session

    assert collected_in(session, PLAN)["p1"] == LastTime(ID, 3)


def test_another_environment_is_no_measure() -> None:
    elsewhere = replace(PLAN, environment=replace(PLAN.environment, name="staging"))

    assert collected_in(Story(PLAN).runs().session, elsewhere) == {}


@pytest.mark.parametrize(
    "change", [{"args": ("-k", "fast")}, {"paths": ("other.py",)}, {"cwd": "x"}], ids=lambda change: next(iter(change))
)
def test_a_suite_that_asks_for_other_tests_now_is_not_compared(change: dict[str, object]) -> None:
    assert set(collected_in(Story(PLAN).runs().session, changed(PLAN, **change))) == {"events"}


def test_what_a_suite_declares_or_how_long_it_may_take_changes_nothing() -> None:
    now = changed(PLAN, declared_tests=9, timeout=1.0)

    assert collected_in(Story(PLAN).runs().session, now)["p1"] == LastTime(ID, 2)


def test_a_suite_that_ran_only_what_remedies_were_for_is_no_measure() -> None:
    session = Story(PLAN).begin().deploys().tests("verify-p1", ["a"]).session

    assert collected_in(session, PLAN) == {}


def test_a_session_that_lost_tests_is_no_measure_or_the_loss_would_be_forgotten() -> None:
    session = Story(PLAN).begin().deploys().tests("p1", ["a"], Outcome.INCOMPLETE, FEWER_THAN_LAST_TIME).session

    assert collected_in(session, PLAN) == {}


@pytest.mark.parametrize("errors", [("x.py: SyntaxError",), ()], ids=["not all was readable", "no test ran"])
def test_a_collection_that_did_not_get_to_its_end_is_no_measure(errors: tuple[str, ...]) -> None:
    story = Story(PLAN).begin().deploys().start("p1")
    story.emit(TestsCollected("1/p1", ("a",))).emit(HandleKnown("1/p1", {"ended_by": "itself"}))
    seen = SuiteSeen("p1", 2, "itself", True, True, 0, {}, {}, collection_errors=errors)
    story.emit(ActEnded("1/p1", Result(Outcome.ERRORED, (), seen)))

    assert collected_in(story.session, PLAN) == {}


def test_a_suite_that_runs_right_now_is_no_measure() -> None:
    story = Story(PLAN).begin().deploys().start("p1").emit(TestsCollected("1/p1", ("a",)))

    assert collected_in(story.session, PLAN) == {}


REASONS = {
    "as before": (Collection(suite("p1"), ("a",), 0, last=LastTime(ID, 1)), ()),
    "fewer": (Collection(suite("p1"), ("a",), 0, last=LastTime(ID, 2)), ("fewer_than_last_time",)),
    "fewer, but declared": (Collection(suite("p1", declared=1), ("a",), 3, last=LastTime(ID, 2)), ()),
    "left out": (Collection(suite("p1"), ("a",), 1), ("deselected",)),
    "not readable": (Collection(suite("p1"), (), 0, ("x",)), ("collection_error",)),
    "no answer": (Collection(suite("p1"), (), None, ("x",), trouble="timed_out"), ("timed_out",)),
    "not known": (Collection(suite("p1"), last=LastTime(ID, 2)), ()),
}


@pytest.mark.parametrize(("found", "reasons"), REASONS.values(), ids=REASONS)
def test_what_a_run_would_hold_against_a_collection(found: Collection, reasons: tuple[str, ...]) -> None:
    assert found.reasons == reasons
