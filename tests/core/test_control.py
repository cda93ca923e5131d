"""What a negative control says of its suite, what a plan of controls is, and who waits for whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from netra_loop.core.acts import NETWORK
from netra_loop.core.agenda import ready_acts
from netra_loop.core.control import (
    Rehearsal,
    StillPassing,
    by_test,
    is_whole,
    judge_control,
    judge_rehearsals,
    still_passing,
)
from netra_loop.core.environment import RemedyMode
from netra_loop.core.errors import UsageError
from netra_loop.core.outcome import Outcome, TestOutcome
from netra_loop.core.plan import Kind, Network, Phase, Plan, Step
from netra_loop.core.policy import Start, decide
from netra_loop.core.proof import Control
from netra_loop.core.seen import ControlSeen
from netra_loop.core.session import control_of
from netra_loop.core.verdict import conclude
from tests.stories import Story, fail_fast, knowing, plan_of, step, suite, usual_plan

PASSED, FAILED, ERROR, SKIPPED = TestOutcome.PASSED, TestOutcome.FAILED, TestOutcome.ERROR, TestOutcome.SKIPPED


def seen(dead: Mapping[str, TestOutcome], sabotaged: Mapping[str, TestOutcome], suite_id: str = "p1") -> ControlSeen:
    return ControlSeen(suite_id, "d" * 32, False, dead, sabotaged)


TESTS = {
    "all fail": (seen({"a": FAILED, "b": ERROR}, {"a": FAILED, "b": FAILED}), Outcome.PASSED, ()),
    "one is skipped": (seen({"a": FAILED, "b": SKIPPED}, {"a": FAILED, "b": SKIPPED}), Outcome.PASSED, ()),
    "one passes against both": (
        seen({"a": PASSED, "b": FAILED}, {"a": PASSED, "b": FAILED}),
        Outcome.FAILED,
        ("1 test still passes",),
    ),
    "each passes once": (
        seen({"a": PASSED, "b": FAILED}, {"a": FAILED, "b": PASSED}),
        Outcome.FAILED,
        ("2 tests still pass",),
    ),
    "all are skipped": (seen({"a": SKIPPED}, {"a": SKIPPED}), Outcome.INCOMPLETE, ("all_skipped",)),
    "one timed out": (seen({"a": TestOutcome.TIMEOUT}, {"a": FAILED}), Outcome.PASSED, ()),
    "nothing is known": (seen({}, {}), Outcome.INCOMPLETE, ("all_skipped",)),
}


@pytest.mark.parametrize(("told", "outcome", "reasons"), TESTS.values(), ids=TESTS)
def test_every_test_must_fail_without_its_target(told: ControlSeen, outcome: Outcome, reasons: tuple[str, ...]) -> None:
    assert judge_control(told) == (outcome, reasons)


def test_whoever_still_passes_is_named_with_what_it_passes_against() -> None:
    told = seen({"b": PASSED, "a": PASSED, "c": FAILED}, {"a": PASSED, "b": FAILED, "d": PASSED})

    assert still_passing(told) == (
        StillPassing("a", ("dead", "sabotaged")),
        StillPassing("b", ("dead",)),
        StillPassing("d", ("sabotaged",)),
    )


WHOLE = Rehearsal({"a": FAILED}, "itself", began=True)
CUT = {
    "it timed out": (replace(WHOLE, ended_by="timeout"), Outcome.INCOMPLETE, "timed_out"),
    "it said nothing for long": (replace(WHOLE, ended_by="idle"), Outcome.INCOMPLETE, "idle"),
    "it was stopped": (replace(WHOLE, ended_by="stop"), Outcome.INCOMPLETE, "stopped"),
    "it never began": (Rehearsal({}, "itself", began=False), Outcome.ERRORED, "not_started"),
    "a file is broken": (replace(WHOLE, broken=("test_a.py",)), Outcome.ERRORED, "collection_error"),
    "nothing was collected": (replace(WHOLE, tests={}), Outcome.ERRORED, "empty"),
    "it ended in the middle": (replace(WHOLE, missing=1), Outcome.INCOMPLETE, "partial"),
    "nobody came to an end": (replace(WHOLE, tests={}, missing=2), Outcome.INCOMPLETE, "partial"),
}


@pytest.mark.parametrize(("rehearsal", "outcome", "reason"), CUT.values(), ids=CUT)
def test_what_kept_the_tests_from_their_end_is_told(rehearsal: Rehearsal, outcome: Outcome, reason: str) -> None:
    told = seen(rehearsal.tests, WHOLE.tests)

    assert judge_rehearsals(told, {"dead": rehearsal, "sabotaged": WHOLE}) == (outcome, (f"dead: {reason}",))
    assert not is_whole(rehearsal)


def test_a_test_that_still_passes_outweighs_that_others_were_not_told() -> None:
    cut = Rehearsal({"a": PASSED}, "timeout", began=True, missing=3)

    assert judge_rehearsals(seen(cut.tests, WHOLE.tests), {"dead": cut, "sabotaged": WHOLE}) == (
        Outcome.FAILED,
        ("1 test still passes", "dead: timed_out"),
    )


def test_two_whole_rehearsals_are_judged_by_their_tests_alone() -> None:
    assert is_whole(WHOLE)
    assert judge_rehearsals(seen(WHOLE.tests, WHOLE.tests), {"dead": WHOLE, "sabotaged": WHOLE}) == (
        Outcome.PASSED,
        (),
    )


def controlled_plan(*more: Phase) -> Plan:
    """Controls of both suites beside a deploy, before suites that need the deploy only."""
    p1, events = suite("p1"), suite("events", "P2")
    return plan_of(
        Phase("control", "Control", (Step.of_control(p1), Step.of_control(events)), required=False, stops=False),
        Phase("deploy", "Deploy", (step(Kind.DEPLOY, "backend"),)),
        Phase("suites", "Suites", (step(Kind.SUITE, "p1", "P1"), step(Kind.SUITE, "events", "P2")), ("deploy",)),
        *more,
        suites=(p1, events),
    )


def ready(story: Story) -> list[str]:
    return [act.step for act in ready_acts(story.session, story.session.iterations[-1])]


def moves(story: Story) -> list[str]:
    return [move.act.step for move in decide(story.session).moves if isinstance(move, Start)]


def test_controls_run_beside_the_deploy() -> None:
    assert ready(Story(controlled_plan()).begin()) == ["control-p1", "control-events", "deploy-backend"]


def test_a_suite_waits_for_its_own_control_and_for_no_other() -> None:
    story = Story(controlled_plan()).begin().deploys()
    assert ready(story) == ["control-p1", "control-events"]

    story.start("control-p1").start("control-events")
    assert ready(story) == []
    assert ready(story.end("control-events")) == ["events"]


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.SKIPPED], ids=lambda o: o.value)
def test_however_a_control_ends_its_suite_runs(outcome: Outcome) -> None:
    story = Story(controlled_plan()).begin().deploys().does("control-events", outcome).does("control-p1", outcome)

    assert ready(story) == ["p1", "events"]


def test_a_suite_does_not_wait_for_a_control_that_will_never_run() -> None:
    blocked = Phase("control", "Control", (Step.of_control(suite("p1")),), ("deploy",))
    suites = Phase("suites", "Suites", (step(Kind.SUITE, "p1"),))
    plan = plan_of(Phase("deploy", "Deploy", (step(Kind.DEPLOY, "backend"),)), blocked, suites, suites=(suite("p1"),))

    assert ready(Story(plan).begin().does("deploy-backend", Outcome.FAILED)) == ["p1"]


def test_a_focus_on_a_suite_brings_its_control_along() -> None:
    assert controlled_plan().focused("P2").selected == {"control-events", "events", "deploy-backend"}


NAMESAKES = {
    "one passes": ({"a": FAILED, "a#2": PASSED}, {"a": FAILED, "a#2": FAILED}, Control(PASSED, FAILED)),
    "one passes against the sabotaged": (
        {"a": ERROR, "a#2": FAILED},
        {"a": PASSED, "a#2": FAILED},
        Control(ERROR, PASSED),
    ),
    "one told nothing": ({"a": FAILED, "a#2": FAILED}, {"a": FAILED}, Control(FAILED, None)),
    "all fail": ({"a": FAILED, "a#2": FAILED}, {"a": FAILED, "a#2": FAILED}, Control(FAILED, FAILED)),
}


@pytest.mark.parametrize(("dead", "sabotaged", "control"), NAMESAKES.values(), ids=NAMESAKES)
def test_tests_that_share_a_name_may_change_places_and_get_the_worst_of_all(
    dead: Mapping[str, TestOutcome], sabotaged: Mapping[str, TestOutcome], control: Control
) -> None:
    alone = {"b#2": FAILED}

    told = by_test(seen({**dead, **alone}, {**sabotaged, **alone}))

    assert told == {"a": control, "a#2": control, "b#2": Control(FAILED, FAILED)}


def test_what_the_newest_control_says_is_known_of_each_test() -> None:
    told = seen({"a": FAILED, "b": PASSED}, {"a": FAILED})
    story = Story(controlled_plan()).begin().does("control-p1", Outcome.FAILED, seen=told)

    assert control_of(story.session, "p1") == {"a": Control(FAILED, FAILED), "b": Control(PASSED, None)}
    assert control_of(story.session, "events") == {}


def alone(plan: Plan, name: str) -> Plan:
    suites = tuple(replace(s, network=Network.ALONE) if s.id == name else s for s in plan.suites)
    return replace(plan, suites=suites)


def test_a_suite_that_holds_the_network_alone_keeps_everybody_off_but_controls() -> None:
    checks = Phase("checks", "Checks", (step(Kind.HEALTH, "backend"), step(Kind.LOGS, "backend")))
    plan = alone(controlled_plan(checks), "p1")
    story = Story(plan).begin().deploys().does("control-p1").does("health-backend").start("p1")

    assert NETWORK in story.session.record("1/p1").act.holds
    assert moves(story) == ["control-events", "logs-backend"]
    assert moves(story.does("control-events").does("logs-backend")) == []
    assert moves(story.end("p1")) == ["events"]


def test_a_suite_that_needs_the_network_alone_waits_until_nobody_else_meets_a_target() -> None:
    plan = alone(controlled_plan(), "events")
    story = Story(plan).begin().deploys().does("control-events").start("control-p1")
    assert moves(story) == ["events"]

    story = Story(plan).begin().deploys().does("control-p1").start("p1").does("control-events")
    assert moves(story) == []
    assert moves(story.end("p1")) == ["events"]


def test_a_plan_of_controls_has_nothing_else_and_repairs_nothing() -> None:
    plan = knowing(usual_plan(iterations=5)).controlled(["P2"])

    assert [(s.id, s.kind, s.subject, s.timeout) for s in plan.steps] == [
        ("control-events", Kind.CONTROL, "events", 120.0)
    ]
    assert (plan.focus, plan.selected) == ("control,P2", frozenset({"control-events"}))
    assert (plan.budget.iterations, plan.remedies, plan.knowledge) == (1, RemedyMode.OFF, ())


def test_a_plan_of_controls_has_all_suites_when_none_is_named() -> None:
    plan = usual_plan().controlled([])

    assert (plan.focus, plan.selected) == ("control", frozenset({"control-p1", "control-events"}))


def test_a_control_of_nothing_known_is_refused_with_what_is() -> None:
    with pytest.raises(UsageError) as refused:
        usual_plan().controlled(["p1", "nope"])
    assert (refused.value.message, refused.value.hint) == ("no such suite: nope", "known are: P1, P2, events, p1")


def test_without_a_suite_there_is_nothing_to_control() -> None:
    with pytest.raises(UsageError, match="there is no suite"):
        plan_of().controlled([])


def verdict_of(story: Story) -> tuple[str, str, int]:
    verdict = conclude(story.session)
    return verdict.colour.value, verdict.reason, verdict.exit_code


CONTROLS_ALONE = {
    Outcome.PASSED: ("GREEN", "every test fails without its target", 0),
    Outcome.FAILED: ("RED", "control-p1 failed", 1),
    Outcome.ERRORED: ("ERROR", "control-p1 errored", 4),
    Outcome.INCOMPLETE: ("INCOMPLETE", "control-p1 incomplete; phase control incomplete", 3),
}


@pytest.mark.parametrize(("outcome", "verdict"), CONTROLS_ALONE.items(), ids=lambda each: str(each))
def test_where_controls_are_all_that_was_asked_for_they_decide(outcome: Outcome, verdict: tuple[str, str, int]) -> None:
    story = Story(usual_plan().controlled(["p1"])).begin().does("control-p1", outcome)

    assert verdict_of(story) == verdict
    assert moves(story) == []


def test_controls_that_a_focus_leaves_alone_decide_also_in_a_phase_that_is_not_required() -> None:
    plan = controlled_plan().focused("control")
    story = Story(plan).begin().does("control-events")

    assert plan.meets_no_target
    assert verdict_of(story.does("control-p1", Outcome.FAILED)) == ("RED", "control-p1 failed", 1)


@pytest.mark.parametrize(("required", "colour"), [(True, "RED"), (False, "GREEN")])
def test_beside_suites_a_failed_control_is_red_where_its_phase_is_required(required: bool, colour: str) -> None:
    plan = controlled_plan()
    control = replace(plan.phases[0], required=required)
    story = Story(replace(plan, phases=(control, *plan.phases[1:]))).begin().deploys()
    story.does("control-events").does("control-p1", Outcome.FAILED, "1 test still passes")
    story.tests("p1", ["a"]).tests("events", ["b"]).promotes()

    assert verdict_of(story)[0] == colour


def test_a_plan_with_more_than_controls_meets_its_targets() -> None:
    assert not controlled_plan().meets_no_target
    assert not usual_plan().meets_no_target
    assert not replace(controlled_plan(), selected=frozenset()).meets_no_target


def test_a_failed_control_closes_an_iteration_that_fails_fast() -> None:
    story = Story(fail_fast(controlled_plan())).begin().deploys().does("control-p1", Outcome.FAILED)

    assert moves(story) == []


def test_a_test_that_failed_without_a_byte_of_the_false_target_did_not_notice_wrong_answers() -> None:
    ends = {"a": TestOutcome.FAILED, "b": TestOutcome.FAILED, "c": TestOutcome.PASSED}

    noticed = Rehearsal(ends, "itself", began=True, unmet=frozenset({"b", "c"})).noticed
    assert noticed == {**ends, "b": TestOutcome.ERROR}
