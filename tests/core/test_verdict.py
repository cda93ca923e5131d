"""What a session's evidence amounts to."""

from __future__ import annotations

import pytest

from netra_loop.core.events import DependencyState, HealthSeen
from netra_loop.core.outcome import EXIT_CODES, Colour, Outcome, Proof, TestOutcome, worst
from netra_loop.core.verdict import conclude, failing
from tests.stories import NEW, Story, usual_plan


def up_to_health() -> Story:
    return Story(usual_plan()).begin().deploys().is_healthy()


def verdict_of(story: Story) -> tuple[str, str]:
    verdict = conclude(story.session)
    return verdict.colour.value, verdict.reason


def test_nothing_ran_is_incomplete() -> None:
    assert verdict_of(Story(usual_plan())) == ("INCOMPLETE", "nothing ran")


def test_all_proven_and_promoted_is_green() -> None:
    story = up_to_health().tests("p1", ["a"]).tests("events", ["b"]).does("logs-backend").promotes()

    assert verdict_of(story) == ("GREEN", "every suite within its gate, every pass proven")


def test_an_optional_dependency_that_is_down_makes_green_degraded() -> None:
    store = DependencyState("store", "unreachable", required=False)
    health = HealthSeen("backend", "http://127.0.0.1:1/health", NEW, 3, 3, 0.01, 0.02, (store,))
    story = Story(usual_plan()).begin().deploys().does("health-backend", seen=health)
    story.tests("p1", ["a"]).tests("events", ["b"]).does("logs-backend").promotes()

    assert verdict_of(story) == ("GREEN", "degraded")


def test_a_suite_that_met_another_revision_is_not_green() -> None:
    story = up_to_health().tests("p1", ["a"]).tests("events", ["b"], revision="other").does("logs-backend").promotes()

    assert verdict_of(story) == ("INCOMPLETE", "backend changed its revision while it was tested")


def test_a_suite_that_does_not_know_what_it_met_is_not_green() -> None:
    story = up_to_health().tests("p1", ["a"]).tests("events", ["b"], revision="").does("logs-backend").promotes()

    assert verdict_of(story) == ("INCOMPLETE", "the revision of backend is not known")


def test_a_suite_without_a_proven_pass_is_not_green_even_if_its_runner_says_so() -> None:
    story = up_to_health().tests("p1", ["a"], proof=Proof.UNPROVEN).tests("events", ["b"], proof=Proof.UNPROVEN)

    assert verdict_of(story.does("logs-backend").promotes())[0] == "INCOMPLETE"


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ((Outcome.FAILED, Outcome.ERRORED), "RED"),
        ((Outcome.ERRORED, Outcome.INCOMPLETE), "ERROR"),
        ((Outcome.INCOMPLETE, Outcome.PASSED), "INCOMPLETE"),
    ],
    ids=["failed outweighs errored", "errored outweighs incomplete", "incomplete outweighs passed"],
)
def test_the_worst_outcome_names_the_colour(outcomes: tuple[Outcome, Outcome], expected: str) -> None:
    story = up_to_health().tests("p1", ["a"], outcomes[0]).tests("events", ["b"], outcomes[1]).does("logs-backend")

    assert verdict_of(story)[0] == expected


def test_what_is_still_open_counts_as_incomplete() -> None:
    assert verdict_of(up_to_health().start("p1"))[0] == "INCOMPLETE"


def test_the_failing_set_names_acts_and_tests() -> None:
    ends = {"a": TestOutcome.FAILED, "b": TestOutcome.PASSED, "c": TestOutcome.TIMEOUT}
    story = up_to_health().tests("p1", ends, Outcome.FAILED)

    assert story.session.current is not None
    assert failing(story.session, story.session.current) == {"p1", "p1::a", "p1::c"}


def test_the_worst_of_nothing_is_incomplete() -> None:
    assert worst(()) is Outcome.INCOMPLETE


def test_every_colour_has_an_exit_code_of_its_own() -> None:
    assert sorted(EXIT_CODES.values()) == [0, 1, 3, 4, 30]
    assert set(EXIT_CODES) == set(Colour)
