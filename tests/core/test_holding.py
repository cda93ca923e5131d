"""What the session before has verified is looked at again, before anything is repaired."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from netra_loop.core.events import Before, Repair
from netra_loop.core.holding import Holding, held, repairs_of
from netra_loop.core.outcome import TestOutcome
from tests.stories import Story, knowing, raising, usual_plan

F, P, N = TestOutcome.FAILED, TestOutcome.PASSED, TestOutcome.NOT_RUN
ONE = raising("r1", "p1::a", "p1::b")
REPAIR = Repair(ONE.change, ONE.tests)


def after(*repairs: Repair, environment: str = "local") -> Story:
    """A session that follows one with these repairs."""
    story = Story(knowing(usual_plan(3)))
    before = Before("s-0", "all", environment, "GREEN", 0, 2, 2, (), repairs=repairs)
    story._session = replace(story.session, before=before)
    return story


def test_only_what_was_verified_is_a_repair() -> None:
    verified = Story(knowing(usual_plan(3))).runs({"a": F, "b": F}).diagnoses(ONE).cures("r1")
    assert repairs_of(verified.session) == ()

    verified.runs(["a", "b"], verifies={"p1": ["a", "b"]}, changes=("r1",), revision="newer")
    assert repairs_of(verified.session) == (REPAIR,)


TESTS: dict[str, tuple[Mapping[str, TestOutcome], Holding, int]] = {
    "all pass": ({"a": P, "b": P}, Holding.HOLDS, 0),
    "one is red": ({"a": P, "b": F}, Holding.BROKEN, 1),
    "one is missing": ({"a": P}, Holding.UNKNOWN, 0),
    "one did not run": ({"a": P, "b": N}, Holding.UNKNOWN, 0),
    "one is red and one is missing": ({"b": F}, Holding.BROKEN, 1),
}


@pytest.mark.parametrize(("tests", "expected", "red"), TESTS.values(), ids=TESTS)
def test_a_repair_holds_when_all_of_its_tests_pass_with_proof(
    tests: Mapping[str, TestOutcome], expected: Holding, red: int
) -> None:
    ((repair, state, names),) = held(after(REPAIR).runs(tests).session)

    assert (repair, state, len(names)) == (REPAIR, expected, red)


def test_what_this_session_repaired_again_does_not_hold() -> None:
    story = after(REPAIR).runs({"a": F, "b": F}).diagnoses(ONE).cures("r1")
    story.runs(["a", "b"], verifies={"p1": ["a", "b"]}, changes=("r1",), revision="newer")

    assert [state for _, state, _ in held(story.session)] == [Holding.BROKEN]


def test_nothing_is_known_before_the_tests_ran_nor_of_a_repair_without_tests() -> None:
    assert [state for _, state, _ in held(after(REPAIR).session)] == [Holding.UNKNOWN]
    assert [state for _, state, _ in held(after(Repair("x", ())).runs(["a"]).session)] == [Holding.UNKNOWN]


def test_repairs_of_another_environment_are_not_looked_at() -> None:
    assert list(held(after(REPAIR, environment="staging").runs(["a", "b"]).session)) == []
    assert list(held(Story(usual_plan()).runs(["a"]).session)) == []
