"""Which acts an iteration consists of, and which of its steps may start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from netra_loop.core.acts import act_key, act_of, follow_up, verification_of
from netra_loop.core.agenda import (
    FOREIGN_CHANGE,
    after_red,
    candidates,
    phase_outcome,
    phases_over,
    ready_acts,
    shifts_and_deploys,
    standing,
)
from netra_loop.core.compliance import Checker
from netra_loop.core.environment import OutsideProgram, RemedyMode
from netra_loop.core.events import SessionResumed
from netra_loop.core.outcome import Outcome, TestOutcome
from netra_loop.core.plan import RESUME_CLASSES, Kind, Network, Phase, Plan, ResumeClass, When
from netra_loop.core.policy import Start, decide
from tests.stories import (
    BACKEND,
    FRONTEND,
    Story,
    fail_fast,
    knowing,
    patching,
    plan_of,
    raising,
    step,
    suite,
    two_services,
    usual_plan,
)

FINISHED = (Outcome.PASSED, Outcome.FAILED, Outcome.ERRORED, Outcome.INCOMPLETE)


def of_suites(*phases: Phase) -> Plan:
    """A plan whose steps are all suites, each in a phase of its own or together."""
    return plan_of(*phases, suites=[suite(each.subject) for phase in phases for each in phase.steps])


def phase(name: str, *needs: str, when: When = When.PASSED, stops: bool = True) -> Phase:
    """A phase with one suite of the same name."""
    return Phase(name, name, (step(Kind.SUITE, name),), needs, when, stops=stops)


def standing_of(story: Story, step_id: str) -> str:
    found = next(each for each in story.session.plan.steps if each.id == step_id)
    return standing(story.session, story.session.iterations[-1], found).name


def outcome_of(story: Story, phase_id: str) -> Outcome | None:
    found = next(each for each in story.session.plan.phases if each.id == phase_id)
    return phase_outcome(story.session, story.session.iterations[-1], found)


def test_an_effect_has_one_key_and_every_other_has_another() -> None:
    keys = {
        act_key(session, iteration, name)
        for session in ("s-1", "s-2")
        for iteration in (1, 2, 11)
        for name in ("deploy-backend", "deploy-frontend", "1")
    }

    assert len(keys) == 18
    assert {len(key) for key in keys} == {10}
    assert act_key("s-1", 1, "deploy-backend") in keys


def test_an_act_has_the_same_key_after_a_resume() -> None:
    story = Story(usual_plan()).begin().start("deploy-backend")
    before = story.session.record("1/deploy-backend").act
    story.emit(SessionResumed("resume"))

    (move,) = decide(story.session).moves
    assert move == Start(before)


def test_a_deploy_and_the_shifts_of_a_service_hold_it_alone() -> None:
    session = Story(two_services()).begin().session
    deploys = [act_of(session, 1, each) for each in session.plan.steps if each.kind is Kind.DEPLOY]
    shifts = [follow_up(session, 1, kind, "frontend") for kind in (Kind.PROMOTE, Kind.RESTORE)]

    assert [act.holds for act in deploys] == [{"service:backend"}, {"service:frontend"}]
    assert [act.holds for act in shifts] == [{"service:frontend"}, {"service:frontend"}]
    assert [(act.id, act.subject, act.resume) for act in shifts] == [
        ("1/promote-frontend", "frontend", ResumeClass.KEYED),
        ("1/restore-frontend", "frontend", ResumeClass.KEYED),
    ]


def test_a_suite_holds_what_it_declares_and_other_acts_hold_nothing() -> None:
    plan = plan_of(
        Phase("all", "All", (step(Kind.SUITE, "one"), step(Kind.HEALTH, "backend"))),
        suites=[suite("one", exclusive=("user", "cart"))],
    )
    session = Story(plan).begin().session

    assert [act_of(session, 1, each).holds for each in plan.steps] == [{"user", "cart"}, frozenset()]


def test_a_control_holds_what_its_suite_declares_but_not_the_network_for_it_meets_no_target() -> None:
    one = replace(suite("one", exclusive=("cart",)), network=Network.ALONE)
    session = (
        Story(plan_of(Phase("a", "A", (step(Kind.SUITE, "one"),)), suites=[one]).controlled(["one"])).begin().session
    )

    assert act_of(session, 1, step(Kind.SUITE, "one")).holds == {"cart", "network"}
    assert act_of(session, 1, step(Kind.CONTROL, "one")).holds == {"cart"}


def test_deploys_of_one_service_run_one_after_the_other_and_those_of_several_together() -> None:
    deploys = (
        step(Kind.DEPLOY, "backend"),
        step(Kind.DEPLOY, "backend", step_id="again"),
        step(Kind.DEPLOY, "frontend"),
    )
    story = Story(plan_of(Phase("deploy", "Deploy", deploys), targets=(BACKEND, FRONTEND))).begin()

    assert [move.act.id for move in decide(story.session).moves if isinstance(move, Start)] == [
        "1/deploy-backend",
        "1/deploy-frontend",
    ]
    assert decide(story.start("deploy-backend").start("deploy-frontend").session).moves == ()


def test_only_a_command_is_never_begun_twice() -> None:
    assert [kind for kind, resume in RESUME_CLASSES.items() if resume is ResumeClass.ONCE] == [Kind.RUN]
    assert set(RESUME_CLASSES) == set(Kind)


WHEN: dict[str, tuple[When, Outcome | None, str]] = {
    "passed, and it is open": (When.PASSED, None, "WAITING"),
    "passed, and it passed": (When.PASSED, Outcome.PASSED, "READY"),
    "passed, and it failed": (When.PASSED, Outcome.FAILED, "BLOCKED"),
    "passed, and it errored": (When.PASSED, Outcome.ERRORED, "BLOCKED"),
    "passed, and it is incomplete": (When.PASSED, Outcome.INCOMPLETE, "BLOCKED"),
    "failed, and it is open": (When.FAILED, None, "WAITING"),
    "failed, and it passed": (When.FAILED, Outcome.PASSED, "BLOCKED"),
    "failed, and it failed": (When.FAILED, Outcome.FAILED, "READY"),
    "failed, and it errored": (When.FAILED, Outcome.ERRORED, "READY"),
    "failed, and it is incomplete": (When.FAILED, Outcome.INCOMPLETE, "READY"),
    "always, and it is open": (When.ALWAYS, None, "WAITING"),
    "always, and it passed": (When.ALWAYS, Outcome.PASSED, "READY"),
    "always, and it failed": (When.ALWAYS, Outcome.FAILED, "READY"),
    "always, and it is incomplete": (When.ALWAYS, Outcome.INCOMPLETE, "READY"),
}


@pytest.mark.parametrize(("when", "need", "expected"), WHEN.values(), ids=WHEN)
def test_when_a_phase_may_run(when: When, need: Outcome | None, expected: str) -> None:
    story = Story(of_suites(phase("one"), phase("two", "one", when=when))).begin().start("one")
    if need is not None:
        story.end("one", need)

    assert standing_of(story, "two") == expected


@pytest.mark.parametrize("outcome", FINISHED)
def test_a_phase_that_does_not_stop_lets_the_next_run_however_it_ended(outcome: Outcome) -> None:
    story = Story(of_suites(phase("one", stops=False), phase("two", "one"))).begin().does("one", outcome)

    assert standing_of(story, "two") == "READY"


def test_a_phase_that_does_not_stop_but_never_ran_stops_the_next_all_the_same() -> None:
    plan = of_suites(phase("one"), phase("two", "one", stops=False), phase("three", "two"))
    story = Story(plan).begin().does("one", Outcome.FAILED)

    assert standing_of(story, "two") == "BLOCKED"
    assert standing_of(story, "three") == "BLOCKED"


def test_a_phase_for_failures_runs_too_when_the_one_it_needs_was_blocked() -> None:
    plan = of_suites(phase("one"), phase("two", "one"), phase("rescue", "two", when=When.FAILED))
    story = Story(plan).begin().does("one", Outcome.FAILED)

    assert standing_of(story, "rescue") == "READY"


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (None, None, "WAITING"),
        (Outcome.PASSED, None, "WAITING"),
        (None, Outcome.PASSED, "WAITING"),
        (Outcome.FAILED, None, "WAITING"),
        (None, Outcome.FAILED, "WAITING"),
        (Outcome.PASSED, Outcome.PASSED, "READY"),
        (Outcome.FAILED, Outcome.PASSED, "BLOCKED"),
        (Outcome.PASSED, Outcome.FAILED, "BLOCKED"),
    ],
)
def test_a_phase_waits_for_all_it_needs_and_looks_at_all_of_it(
    first: Outcome | None, second: Outcome | None, expected: str
) -> None:
    story = Story(of_suites(phase("one"), phase("two"), phase("three", "one", "two"))).begin()
    for name, outcome in (("one", first), ("two", second)):
        story.start(name)
        if outcome is not None:
            story.end(name, outcome)

    assert standing_of(story, "three") == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (Outcome.PASSED, Outcome.PASSED, "BLOCKED"),
        (Outcome.FAILED, Outcome.PASSED, "READY"),
        (Outcome.PASSED, Outcome.ERRORED, "READY"),
    ],
)
def test_one_of_several_that_failed_is_enough_for_a_phase_for_failures(
    first: Outcome, second: Outcome, expected: str
) -> None:
    plan = of_suites(phase("one"), phase("two"), phase("rescue", "one", "two", when=When.FAILED))
    story = Story(plan).begin().does("one", first).does("two", second)

    assert standing_of(story, "rescue") == expected


def test_a_phase_wholly_out_of_focus_stands_in_nobodys_way() -> None:
    plan = of_suites(phase("one"), phase("two", "one"), phase("rescue", "one", when=When.FAILED))
    story = Story(plan.focused("two,rescue")).begin()

    assert outcome_of(story, "one") is Outcome.SKIPPED
    assert standing_of(story, "one") == "OUT_OF_FOCUS"
    assert standing_of(story, "two") == "READY"
    assert standing_of(story, "rescue") == "BLOCKED", "nothing failed"


def test_a_phase_partly_out_of_focus_is_what_its_other_steps_are() -> None:
    both = Phase("both", "Both", (step(Kind.SUITE, "one"), step(Kind.SUITE, "two")))
    story = Story(of_suites(both).focused("two")).begin()

    assert outcome_of(story, "both") is None
    assert outcome_of(story.does("two"), "both") is Outcome.PASSED


def test_a_phase_is_open_while_one_of_its_steps_may_run_and_then_its_worst() -> None:
    both = Phase("both", "Both", (step(Kind.SUITE, "one"), step(Kind.SUITE, "two")))
    story = Story(of_suites(both)).begin()

    assert outcome_of(story, "both") is None
    assert outcome_of(story.does("one", Outcome.FAILED).start("two"), "both") is None
    assert outcome_of(story.end("two"), "both") is Outcome.FAILED


def test_a_blocked_phase_is_incomplete_but_one_for_failures_is_only_skipped() -> None:
    plan = of_suites(phase("one"), phase("two", "one"), phase("three", "one", when=When.FAILED))

    assert outcome_of(Story(plan).begin().does("one", Outcome.FAILED), "two") is Outcome.INCOMPLETE
    assert outcome_of(Story(plan).begin().does("one"), "three") is Outcome.SKIPPED


CLOSED: dict[str, tuple[Callable[[Plan], Plan], Outcome, str, str]] = {
    "a failure": (fail_fast, Outcome.FAILED, "BLOCKED", "READY"),
    "an error": (fail_fast, Outcome.ERRORED, "BLOCKED", "READY"),
    "something incomplete": (fail_fast, Outcome.INCOMPLETE, "BLOCKED", "READY"),
    "a pass": (fail_fast, Outcome.PASSED, "READY", "READY"),
    "a failure without fail_fast": (replace, Outcome.FAILED, "READY", "READY"),
}


@pytest.mark.parametrize(("closing", "outcome", "other", "always"), CLOSED.values(), ids=CLOSED)
def test_fail_fast_closes_an_iteration_for_everything_but_what_always_runs(
    closing: Callable[[Plan], Plan], outcome: Outcome, other: str, always: str
) -> None:
    plan = of_suites(phase("one"), phase("two"), phase("last", when=When.ALWAYS))
    story = Story(closing(plan)).begin().does("one", outcome)

    assert (standing_of(story, "two"), standing_of(story, "last")) == (other, always)


def test_the_steps_that_may_start_come_in_the_order_of_the_plan() -> None:
    plan = of_suites(phase("z"), phase("a"), phase("m", "z"))
    story = Story(plan).begin()

    assert [each.step for each in ready_acts(story.session, story.session.iterations[0])] == ["z", "a"]


def test_the_phases_are_over_when_nothing_runs_any_more_and_nothing_may() -> None:
    story = Story(of_suites(phase("one"), phase("two", "one"))).begin().start("one")

    assert not phases_over(story.session, story.session.iterations[0])
    story.end("one", Outcome.FAILED)
    assert phases_over(story.session, story.session.iterations[0])


def test_candidates_come_in_the_order_of_the_plan_and_only_what_was_deployed() -> None:
    story = Story(two_services()).begin().deploys(target="frontend")
    assert [each.target for each in candidates(story.session.plan, story.session.iterations[0])] == ["frontend"]

    story.deploys()
    assert [each.target for each in candidates(story.session.plan, story.session.iterations[0])] == [
        "backend",
        "frontend",
    ]


def test_deploys_promotes_and_restores_change_a_service_and_nothing_else_does() -> None:
    story = Story(usual_plan()).begin().deploys().is_healthy().tests("p1", ["a"]).does("events").does("logs-backend")
    story.promotes(Outcome.ERRORED, FOREIGN_CHANGE).restores()

    assert [record.act.step for record in shifts_and_deploys(story.session.current)] == [
        "deploy-backend",
        "promote-backend",
        "restore-backend",
    ]
    assert shifts_and_deploys(None) == ()


def test_what_follows_from_red_is_named_after_its_remedy_and_only_a_question_holds_something() -> None:
    session = Story(usual_plan()).begin().session
    acts = [
        follow_up(session, 1, Kind.DIAGNOSE),
        *(follow_up(session, 1, kind, "r1") for kind in (Kind.ASK, Kind.CURE)),
    ]

    assert [(act.id, act.step, act.subject, act.resume, act.timeout, act.holds) for act in acts] == [
        ("1/diagnose", "diagnose", "", ResumeClass.READ, 120.0, frozenset()),
        ("1/ask-r1", "ask-r1", "r1", ResumeClass.READ, 300.0, {"terminal"}),
        ("1/cure-r1", "cure-r1", "r1", ResumeClass.KEYED, 660.0, {"code"}),
    ]


def test_a_diagnosis_has_the_time_of_the_outside_program_beside_its_own() -> None:
    plan = usual_plan()
    plan = replace(plan, environment=replace(plan.environment, diagnose=OutsideProgram(("ask",), timeout=45.0)))
    session = Story(plan).begin().session

    assert follow_up(session, 1, Kind.DIAGNOSE).timeout == 165.0


def test_a_change_of_code_has_the_time_of_its_program_of_two_checks_and_of_an_answer_beside_its_own() -> None:
    plan = usual_plan()
    checker = Checker(("lint",), "strict", "a", "b", timeout=20.0)
    environment = replace(plan.environment, agent=OutsideProgram(("agent",), timeout=500.0), compliance=checker)
    session = Story(replace(plan, environment=environment)).begin().session

    assert follow_up(session, 1, Kind.CURE, "r1").timeout == 60.0 + 500.0 + 2 * 20.0 + 300.0


def test_a_verification_is_its_suite_under_another_name_and_key() -> None:
    plan = plan_of(Phase("all", "All", (step(Kind.SUITE, "one"),)), suites=[suite("one", exclusive=("cart",))])
    session = Story(plan).begin().session
    (only,) = session.plan.steps
    run, alone = act_of(session, 2, only), verification_of(session, 2, only)

    assert alone == replace(run, id="2/verify-one", kind=Kind.VERIFY, step="verify-one", key=alone.key)
    assert alone.key == act_key(session.id, 2, "verify-one") != run.key
    assert (alone.subject, alone.holds, alone.resume) == ("one", frozenset({"cart"}), ResumeClass.RERUN)


def follows(story: Story) -> list[str]:
    return [act.id for act in after_red(story.session, story.session.iterations[-1])]


def test_after_red_comes_the_diagnosis_then_the_questions_then_what_was_agreed_to() -> None:
    first, second = raising("r1", "p1::a"), raising("r2", "p1::b", after="3.3", variable="OTHER_LIMIT")
    red = {"a": TestOutcome.FAILED, "b": TestOutcome.FAILED}
    story = Story(knowing(usual_plan(3), RemedyMode.ASK)).runs(red)

    assert follows(story) == ["1/diagnose"]
    assert follows(story.diagnoses(first, second)) == ["1/ask-r1", "1/ask-r2"]
    assert follows(story.answers("r1")) == ["1/ask-r2"]
    assert follows(story.answers("r2")) == ["1/cure-r1", "1/cure-r2"]
    assert follows(story.cures("r1")) == ["1/cure-r2"]
    assert follows(story.cures("r2")) == []


def test_what_came_to_nothing_is_followed_by_the_next_remedy_for_the_same_tests() -> None:
    code, variable = patching("r1", "p1::a"), raising("r2", "p1::a")
    story = Story(knowing(usual_plan(3))).runs({"a": TestOutcome.FAILED}).diagnoses(code, variable)

    assert follows(story) == ["1/cure-r1"]
    assert follows(story.does("cure-r1", Outcome.SKIPPED, "declined")) == ["1/cure-r2"]
    assert follows(story.cures("r2")) == []


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.ERRORED])
def test_a_check_that_does_not_pass_is_diagnosed_though_no_test_ran(outcome: Outcome) -> None:
    assert follows(Story(knowing(usual_plan(3))).begin().deploys().does("health-backend", outcome)) == ["1/diagnose"]


def test_a_deploy_that_was_refused_before_it_reached_the_cloud_has_told_why() -> None:
    story = Story(knowing(usual_plan(3))).begin()
    refused = story.does("deploy-backend", Outcome.FAILED, "app.py does not compile", "nothing was deployed")

    assert follows(refused) == []


def test_nothing_follows_from_red_tests_without_knowledge() -> None:
    assert follows(Story(usual_plan(3)).runs({"a": TestOutcome.FAILED})) == []


def begun_after(*tests: str, plan: Plan | None = None) -> Story:
    """The iteration after a remedy for these tests, which were all red."""
    story = Story(knowing(plan or usual_plan(3))).begin().diagnoses(raising("r1", *tests)).cures("r1")
    return story.begin()


def starting(story: Story) -> list[str]:
    return [act.id for act in ready_acts(story.session, story.session.iterations[-1])]


def test_nothing_is_verified_before_what_the_first_suite_needs() -> None:
    story = begun_after("p1::a")

    assert starting(story) == ["2/deploy-backend"]
    assert starting(story.deploys()) == ["2/health-backend"]
    assert starting(story.is_healthy()) == ["2/verify-p1"]


def test_nothing_is_verified_where_no_suite_may_run() -> None:
    story = begun_after("p1::a").deploys().does("health-backend", Outcome.FAILED)

    assert starting(story) == ["2/logs-backend"]
    assert starting(story.does("logs-backend")) == []


def test_other_acts_do_not_wait_for_a_verification() -> None:
    both = Phase("both", "Both", (step(Kind.SUITE, "one"), step(Kind.HEALTH, "backend"), step(Kind.SUITE, "two")))
    plan = plan_of(both, suites=[suite("one"), suite("two")])
    story = begun_after("two::a", plan=plan)

    assert starting(story) == ["2/health-backend", "2/verify-two"]
    assert starting(story.start("verify-two")) == ["2/health-backend"]
    assert starting(story.end("verify-two", Outcome.FAILED)) == ["2/one", "2/health-backend", "2/two"]


def test_verifications_come_in_the_order_of_the_plan() -> None:
    plan = of_suites(phase("z"), phase("a"), phase("m", "z"))

    assert starting(begun_after("a::1", "m::1", "z::1", plan=plan)) == ["2/verify-z", "2/verify-a", "2/verify-m"]


def test_a_verification_waits_for_the_deploys_that_its_suite_needs() -> None:
    plan = plan_of(
        Phase("first", "First", (step(Kind.SUITE, "one"),)),
        Phase("deploy", "Deploy", (step(Kind.DEPLOY, "backend"),), ("first",)),
        Phase("second", "Second", (step(Kind.SUITE, "two"),), ("deploy",)),
        suites=[suite("one"), suite("two")],
    )

    assert starting(begun_after("two::a", plan=plan)) == ["2/one"]


def test_a_needed_phase_that_was_skipped_does_not_keep_a_verification_from_running() -> None:
    rescue = step(Kind.RUN, "", step_id="rescue", argv=("true",))
    plan = plan_of(
        Phase("deploy", "Deploy", (step(Kind.DEPLOY, "backend"),)),
        Phase("rescue", "Rescue", (rescue,), ("deploy",), When.FAILED),
        Phase("suite", "Suite", (step(Kind.SUITE, "p1"),), ("rescue",)),
        suites=[suite("p1")],
        iterations=3,
    )
    story = Story(knowing(plan)).begin().deploys().tests("p1", {"a": TestOutcome.FAILED}, Outcome.FAILED)
    story.diagnoses(raising("r1", "p1::a")).cures("r1").begin().deploys(changes=("r1",))

    assert starting(story) == ["2/verify-p1"]
