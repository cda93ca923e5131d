"""What a session's evidence amounts to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from netra_loop.core.agenda import FOREIGN_CHANGE
from netra_loop.core.gate import Gate, GateMode
from netra_loop.core.outcome import EXIT_CODES, Colour, Outcome, Proof, TestOutcome, worst
from netra_loop.core.plan import Kind, Phase, Plan
from netra_loop.core.policy import Start, decide
from netra_loop.core.seen import DependencyState, HealthSeen
from netra_loop.core.verdict import conclude, failing, stopped
from tests.stories import BACKEND, FRONTEND, NEW, Story, fail_fast, plan_of, step, suite, two_services, usual_plan


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


def observing(suite_id: str) -> Plan:
    """The usual plan, in which this suite's gate only observes."""
    plan = usual_plan()
    gate = Gate(mode=GateMode.OBSERVE)
    return replace(
        plan,
        phases=tuple(
            replace(phase, steps=tuple(replace(s, gate=gate) if s.id == suite_id else s for s in phase.steps))
            for phase in plan.phases
        ),
    )


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.ERRORED, Outcome.INCOMPLETE])
def test_a_suite_that_is_only_observed_decides_nothing_and_is_named(outcome: Outcome) -> None:
    story = Story(observing("events")).begin().deploys().is_healthy().tests("p1", ["a"])
    story.tests("events", {"b": TestOutcome.FAILED}, outcome, "observed").does("logs-backend").promotes()
    told = f"every suite within its gate, every pass proven; only observed: events {outcome.value}"

    assert verdict_of(story) == ("GREEN", told)
    assert failing(story.session, story.session.iterations[0]) == frozenset()


def test_a_suite_that_is_only_observed_stands_in_nobody_s_way() -> None:
    story = Story(fail_fast(observing("p1"))).begin().deploys().is_healthy().tests("p1", ["a"], Outcome.FAILED)

    assert [move.act.id for move in decide(story.session).moves if isinstance(move, Start)] == ["1/events"]


def test_what_is_only_observed_proves_nothing_of_a_service() -> None:
    story = Story(observing("p1")).begin().deploys().is_healthy().tests("p1", ["a"])
    story.tests("events", {"b": TestOutcome.PASSED}, proof=Proof.BYPASSED).does("logs-backend")

    assert verdict_of(story) == ("INCOMPLETE", "no test passed with proof")


def all_proven() -> Story:
    return up_to_health().tests("p1", ["a"]).tests("events", ["b"]).does("logs-backend")


def both_proven() -> Story:
    return Story(two_services()).begin().both_proven()


NOT_BACK = ("UNSAFE", "what backend serves is not proven good")
SHIFTS: dict[str, tuple[Callable[[], Story], tuple[str, str]]] = {
    "a promote that runs": (lambda: all_proven().start("promote-backend"), NOT_BACK),
    "a promote that failed": (lambda: all_proven().promotes(Outcome.FAILED), NOT_BACK),
    "a promote that could not be looked at": (lambda: all_proven().promotes(Outcome.ERRORED), NOT_BACK),
    "a promote that was cut short": (lambda: all_proven().promotes(Outcome.INCOMPLETE), NOT_BACK),
    "a restore that runs": (
        lambda: all_proven().promotes(Outcome.FAILED).start("restore-backend"),
        NOT_BACK,
    ),
    "a restore that failed": (
        lambda: all_proven().promotes(Outcome.FAILED).restores(Outcome.FAILED),
        NOT_BACK,
    ),
    "a restore that could not be looked at": (
        lambda: all_proven().promotes(Outcome.FAILED).restores(Outcome.ERRORED),
        NOT_BACK,
    ),
    "a restore that was cut short": (
        lambda: all_proven().promotes(Outcome.FAILED).restores(Outcome.INCOMPLETE),
        NOT_BACK,
    ),
    "a failed promote with what served before proven back": (
        lambda: all_proven().promotes(Outcome.FAILED).restores(),
        ("RED", "promote-backend failed, restored"),
    ),
    "an errored promote with what served before proven back": (
        lambda: all_proven().promotes(Outcome.ERRORED).restores(),
        ("ERROR", "promote-backend errored, restored"),
    ),
    "a promote that was cut short with what served before proven back": (
        lambda: all_proven().promotes(Outcome.INCOMPLETE).restores(),
        ("INCOMPLETE", "promote-backend incomplete, restored"),
    ),
    "a service that was promoted, and whose way back failed because of another": (
        lambda: (
            both_proven()
            .promotes()
            .promotes(Outcome.FAILED, target="frontend")
            .restores(Outcome.FAILED)
            .restores(target="frontend")
        ),
        NOT_BACK,
    ),
    "a service that was promoted, and whose way back because of another runs": (
        lambda: (
            both_proven()
            .promotes()
            .promotes(Outcome.FAILED, target="frontend")
            .restores(target="frontend")
            .start("restore-backend")
        ),
        NOT_BACK,
    ),
    "every service back after one of them could not be promoted": (
        lambda: (
            both_proven().promotes().promotes(Outcome.FAILED, target="frontend").restores().restores(target="frontend")
        ),
        ("RED", "promote-frontend failed, restored"),
    ),
    "a promote that met somebody else's change": (
        lambda: all_proven().does("promote-backend", Outcome.ERRORED, FOREIGN_CHANGE),
        ("ERROR", "somebody else changed backend"),
    ),
    "a promote that met somebody else's change, the other service not back": (
        lambda: (
            both_proven().promotes().does("promote-frontend", Outcome.ERRORED, FOREIGN_CHANGE).restores(Outcome.FAILED)
        ),
        NOT_BACK,
    ),
}


@pytest.mark.parametrize(("tell", "expected"), SHIFTS.values(), ids=SHIFTS)
def test_what_a_traffic_shift_means(tell: Callable[[], Story], expected: tuple[str, str]) -> None:
    assert verdict_of(tell()) == expected


def test_a_required_phase_that_is_still_open_is_incomplete() -> None:
    assert verdict_of(up_to_health().tests("p1", ["a"])) == ("INCOMPLETE", "phase events incomplete")
    assert verdict_of(up_to_health().tests("p1", ["a"]).start("events")) == ("INCOMPLETE", "phase events incomplete")


def test_a_required_phase_that_was_blocked_is_incomplete() -> None:
    plan = plan_of(
        Phase("critical", "Critical", (step(Kind.SUITE, "p1"),)),
        Phase("extra", "Extra", (step(Kind.HEALTH, "backend"),), required=False),
        Phase("later", "Later", (step(Kind.WEBSOCKET, "backend"),), ("extra",)),
        suites=(suite("p1"),),
    )
    story = Story(plan).begin().tests("p1", ["a"]).does("health-backend", Outcome.FAILED)

    assert verdict_of(story) == ("INCOMPLETE", "phase later incomplete")


def test_an_optional_phase_that_is_open_is_not_missed() -> None:
    story = up_to_health().tests("p1", ["a"]).tests("events", ["b"]).start("logs-backend")

    assert verdict_of(story)[0] == "GREEN"


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        (all_proven().promotes(), ("INCOMPLETE", "interrupted", 130)),
        (up_to_health().tests("p1", ["a"]), ("INCOMPLETE", "interrupted; phase events incomplete", 130)),
        (
            all_proven().does("events", Outcome.FAILED),
            ("RED", "interrupted; events failed", 130),
        ),
        (
            all_proven().promotes(Outcome.FAILED),
            ("UNSAFE", "interrupted; what backend serves is not proven good", 30),
        ),
    ],
    ids=["green is incomplete at best", "incomplete", "red", "unsafe keeps its own code"],
)
def test_a_stopped_session_tells_why_it_stopped_and_what_was_seen(story: Story, expected: tuple[str, str, int]) -> None:
    verdict = stopped(story.session, "interrupted", 130)

    assert (verdict.colour.value, verdict.reason, verdict.exit_code) == expected


@pytest.mark.parametrize(
    ("state", "required", "reason"),
    [
        ("not_checked", False, "degraded"),
        ("failed", False, "degraded"),
        ("degraded", False, "degraded"),
        ("unreachable", False, "degraded"),
        ("disabled", False, "every suite within its gate, every pass proven"),
        ("connected", False, "every suite within its gate, every pass proven"),
        ("not_checked", True, "every suite within its gate, every pass proven"),
    ],
)
def test_green_is_degraded_by_an_optional_dependency_that_was_not_seen_to_work(
    state: str, required: bool, reason: str
) -> None:
    story = Story(usual_plan()).begin().deploys()
    story.is_healthy(DependencyState("cache", "connected", False), DependencyState("store", state, required))
    story.tests("p1", ["a"]).tests("events", ["b"]).does("logs-backend").promotes()

    assert verdict_of(story) == ("GREEN", reason)


def test_a_health_check_that_met_another_revision_is_not_green() -> None:
    story = Story(usual_plan()).begin().deploys().is_healthy(revision="other")
    story.tests("p1", ["a"]).tests("events", ["b"]).does("logs-backend")

    assert verdict_of(story) == ("INCOMPLETE", "backend changed its revision while it was tested")


def test_a_health_check_that_was_told_no_revision_contradicts_nobody() -> None:
    story = Story(usual_plan()).begin().deploys().is_healthy(revision="")
    story.tests("p1", ["a"]).tests("events", ["b"]).does("logs-backend")

    assert verdict_of(story)[0] == "GREEN"


def test_suites_that_met_one_revision_that_was_not_deployed_are_not_green() -> None:
    story = Story(usual_plan()).begin().deploys().is_healthy()
    story.tests("p1", ["a"], revision="other").tests("events", ["b"], revision="other").does("logs-backend")

    assert verdict_of(story) == ("INCOMPLETE", "backend changed its revision while it was tested")


def test_a_deployed_service_that_no_counted_pass_met_is_not_green() -> None:
    plan = plan_of(
        Phase("deploy", "Deploy", (step(Kind.DEPLOY, "backend"), step(Kind.DEPLOY, "frontend"))),
        Phase("critical", "Critical", (step(Kind.SUITE, "p1"),), ("deploy",)),
        suites=(suite("p1"),),
        targets=(BACKEND, FRONTEND),
    )
    story = Story(plan).begin().deploys().deploys(target="frontend").tests("p1", ["a"])

    assert verdict_of(story) == ("INCOMPLETE", "no counted pass met frontend")


def test_only_a_suite_with_a_counted_pass_has_met_a_service() -> None:
    plan = plan_of(
        Phase("deploy", "Deploy", (step(Kind.DEPLOY, "backend"), step(Kind.DEPLOY, "frontend"))),
        Phase("critical", "Critical", (step(Kind.SUITE, "p1"), step(Kind.SUITE, "front")), ("deploy",)),
        suites=(suite("p1"), suite("front", targets=("frontend",))),
        targets=(BACKEND, FRONTEND),
    )
    story = Story(plan).begin().deploys().deploys(target="frontend").tests("p1", ["a"])
    story.tests("front", ["b"], proof=Proof.SUSPECT, targets=("frontend",))

    assert verdict_of(story) == ("INCOMPLETE", "no counted pass met frontend")


def test_nothing_proven_is_told_once() -> None:
    story = up_to_health().tests("p1", ["a"], proof=Proof.SUSPECT).tests("events", ["b"], proof=Proof.UNPROVEN)

    assert verdict_of(story) == ("INCOMPLETE", "no test passed with proof")


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.ERRORED, Outcome.INCOMPLETE])
def test_the_failing_set_names_every_act_without_a_pass(outcome: Outcome) -> None:
    story = up_to_health().tests("p1", {"a": TestOutcome.ERROR, "b": TestOutcome.SKIPPED}, outcome)

    assert story.session.current is not None
    assert failing(story.session, story.session.current) == {"p1", "p1::a"}


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ((Outcome.PASSED, Outcome.SKIPPED), Outcome.PASSED),
        ((Outcome.SKIPPED, Outcome.SKIPPED), Outcome.SKIPPED),
        ((Outcome.PASSED, Outcome.INCOMPLETE), Outcome.INCOMPLETE),
        ((Outcome.INCOMPLETE, Outcome.ERRORED), Outcome.ERRORED),
        ((Outcome.ERRORED, Outcome.FAILED), Outcome.FAILED),
    ],
)
def test_worst(outcomes: tuple[Outcome, Outcome], expected: Outcome) -> None:
    assert worst(outcomes) is worst(reversed(outcomes)) is expected
