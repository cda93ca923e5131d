"""How revisions come to their traffic: at once, by a step of the plan, in stages; and how it is taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from netra_loop.core.acts import act_of, follow_up
from netra_loop.core.events import Interrupted, SessionResumed, StopAsked, Ticked
from netra_loop.core.outcome import Outcome
from netra_loop.core.peers import calls_of, first_of
from netra_loop.core.plan import Kind, Phase, Plan
from netra_loop.core.policy import decide
from netra_loop.core.promotion import Promotion, Strategy
from netra_loop.core.rollout import Going, Watched, going, longest, patience
from netra_loop.core.seen import Share
from netra_loop.core.target import Peer
from netra_loop.core.traffic import percents, read, spelled, staged
from netra_loop.core.verdict import conclude
from netra_loop.views.result import result_of
from tests.core.test_policy import RED, moves
from tests.stories import BACKEND, FRONTEND, NEW, Story, plan_of, step, suite, two_services, usual_plan

Case = tuple[Callable[[], Story], list[str]]


def with_strategy(plan: Plan, strategy: Strategy) -> Plan:
    """The plan with this strategy for everything that it deploys."""
    phases = tuple(
        replace(phase, steps=tuple(replace(s, strategy=strategy) if s.kind is Kind.DEPLOY else s for s in phase.steps))
        for phase in plan.phases
    )
    return replace(plan, phases=phases)


def direct(wall: float = 3600.0) -> Story:
    return Story(with_strategy(usual_plan(wall=wall), Strategy.DIRECT)).begin()


def live() -> Story:
    """deploy -> p1 at the candidate -> promote -> events at what users get."""
    return Story(
        plan_of(
            Phase("deploy", "Deploy", (step(Kind.DEPLOY, "backend"),)),
            Phase("critical", "Critical", (step(Kind.SUITE, "p1", "P1"),), ("deploy",)),
            Phase("promote", "Promote", (step(Kind.PROMOTE, "backend", step_id="promote-backend"),), ("critical",)),
            Phase("events", "Events", (step(Kind.SUITE, "events", "P2"),), ("promote",)),
            suites=(suite("p1"), suite("events", "P2")),
        )
    ).begin()


def exposed(story: Story) -> Story:
    """A direct deploy that serves, and red tests."""
    story.deploys().promotes().is_healthy().tests("p1", RED, Outcome.FAILED)
    return story.tests("events", ["c"]).does("logs-backend")


DIRECT: dict[str, Case] = {
    "a direct deploy is followed by its shift, before anything looks at it": (
        lambda: direct().deploys(),
        ["start 1/promote-backend"],
    ),
    "what needs the deploy waits for the shift": (lambda: direct().deploys().start("promote-backend"), []),
    "after the shift the checks begin": (lambda: direct().deploys().promotes(), ["start 1/health-backend"]),
    "a shift that failed keeps everything else from starting, and is taken back": (
        lambda: direct().deploys().promotes(Outcome.FAILED).does("logs-backend"),
        ["start 1/restore-backend"],
    ),
    "a deploy that failed is not shifted to": (
        lambda: direct().does("deploy-backend", Outcome.FAILED),
        ["start 1/logs-backend"],
    ),
    "all proven needs no second shift": (
        lambda: (
            direct().deploys().promotes().is_healthy().tests("p1", ["a"]).tests("events", ["c"]).does("logs-backend")
        ),
        ["finish GREEN 0"],
    ),
    "red tests take the traffic back": (lambda: exposed(direct()), ["start 1/restore-backend"]),
    "once it is taken back the session is red": (lambda: exposed(direct()).restores(), ["finish RED 1"]),
    "what could not be taken back is unsafe": (
        lambda: exposed(direct()).restores(Outcome.ERRORED),
        ["finish UNSAFE 30"],
    ),
    "a first revision has nothing to go back to": (
        lambda: (
            direct()
            .deploys(previous="")
            .promotes()
            .is_healthy()
            .tests("p1", RED, Outcome.FAILED)
            .tests("events", ["c"])
            .does("logs-backend")
        ),
        ["finish RED 1"],
    ),
    "stopped by a person, what is not proven serves on, since the session may be resumed; it is unsafe until then": (
        lambda: direct().deploys().promotes().emit(Interrupted(2)),
        ["finish UNSAFE 30"],
    ),
    "a candidate without its traffic needs no way back after a signal": (
        lambda: direct().deploys().emit(Interrupted(2)),
        ["finish INCOMPLETE 130"],
    ),
    "out of time, what is not proven is taken back": (
        lambda: direct(wall=60.0).deploys().promotes().emit(Ticked(), after=60.0),
        ["start 1/restore-backend"],
    ),
    "out of time and taken back, nothing is unsafe": (
        lambda: direct(wall=60.0).deploys().promotes().emit(Ticked(), after=60.0).restores(),
        ["finish INCOMPLETE 5"],
    ),
}

WRITTEN: dict[str, Case] = {
    "a written promote comes when its phase does": (
        lambda: live().deploys().tests("p1", ["a"]),
        ["start 1/promote-backend"],
    ),
    "red tests before it keep it from starting": (
        lambda: live().deploys().tests("p1", RED, Outcome.FAILED),
        ["finish RED 1"],
    ),
    "the phases after it test what users get": (
        lambda: live().deploys().tests("p1", ["a"]).promotes(),
        ["start 1/events"],
    ),
    "green after it needs no second promote": (
        lambda: live().deploys().tests("p1", ["a"]).promotes().tests("events", ["c"]),
        ["finish GREEN 0"],
    ),
    "red after it takes the traffic back": (
        lambda: live().deploys().tests("p1", ["a"]).promotes().tests("events", RED, Outcome.FAILED),
        ["start 1/restore-backend"],
    ),
    "a written promote that failed is taken back": (
        lambda: live().deploys().tests("p1", ["a"]).promotes(Outcome.FAILED),
        ["start 1/restore-backend"],
    ),
}


@pytest.mark.parametrize(("tell", "expected"), [*DIRECT.values(), *WRITTEN.values()], ids=[*DIRECT, *WRITTEN])
def test_what_follows_from_a_strategy(tell: Callable[[], Story], expected: list[str]) -> None:
    assert moves(tell()) == expected


def test_traffic_moves_only_while_no_test_runs_and_no_test_starts_while_it_moves() -> None:
    phases = (
        Phase("deploy", "Deploy", (step(Kind.DEPLOY, "backend"),)),
        Phase("promote", "Promote", (step(Kind.PROMOTE, "backend"),), ("deploy",)),
        Phase("critical", "Critical", (step(Kind.SUITE, "p1"),), ("deploy",)),
    )
    plan = plan_of(*phases, suites=(suite("p1"),))

    assert moves(Story(plan).begin().deploys().start("p1")) == []
    assert moves(Story(plan).begin().deploys().start("promote-backend")) == []


def test_without_deploys_there_is_nothing_to_promote_either() -> None:
    plan = replace(live().session.plan, deploys=False).focused("all")

    assert moves(Story(plan).begin()) == ["start 1/p1", "start 1/events"]


def test_a_shift_in_stages_is_stopped_between_two_of_them_by_a_signal_and_then_taken_back() -> None:
    story = Story(with_strategy(usual_plan(), Strategy.GRADUAL)).begin().deploys().is_healthy()
    story.tests("p1", ["a"]).tests("events", ["c"]).does("logs-backend").start("promote-backend").emit(Interrupted(2))

    assert moves(story) == ["stop 1/promote-backend: interrupted"]
    story.end("promote-backend", Outcome.INCOMPLETE, "stopped at 10 %")
    assert moves(story) == ["start 1/restore-backend"]
    assert moves(story.restores()) == ["finish INCOMPLETE 130"]


def test_a_shift_in_stages_has_the_time_that_its_stages_may_take() -> None:
    plan = with_strategy(usual_plan(), Strategy.GRADUAL)
    story = Story(plan).begin()
    at_once = follow_up(Story(usual_plan()).begin().session, 1, Kind.PROMOTE, "backend")

    assert follow_up(story.session, 1, Kind.PROMOTE, "backend").timeout == at_once.timeout + longest(plan.promotion)
    written = live().session
    gradual = Story(with_strategy(written.plan, Strategy.GRADUAL)).begin().session
    (promote,) = [each for each in written.plan.steps if each.kind is Kind.PROMOTE]
    assert act_of(gradual, 1, promote).timeout == promote.timeout + longest(Promotion())


def test_what_is_red_and_exposed_is_unsafe_until_it_is_taken_back() -> None:
    story = exposed(direct())

    assert conclude(story.session).colour.value == "UNSAFE"
    assert conclude(story.restores().session).colour.value == "RED"


def test_a_resumed_session_goes_on_with_what_it_had_exposed() -> None:
    story = direct().deploys().promotes().start("health-backend").emit(Interrupted(2))
    story.emit(StopAsked("1/health-backend", "interrupted")).end("health-backend", Outcome.INCOMPLETE, "stopped").emit(
        SessionResumed("resume"), after=5.0
    )

    assert decide(story.session).wake_at == story.session.opened + story.session.asleep + timedelta(hours=1)
    assert moves(story) == ["start 1/health-backend"]


CALLS = {
    "nobody calls anybody": ({"a": [], "b": []}, "a b"),
    "whom others call goes first": ({"a": ["b"], "b": []}, "b"),
    "also through others": ({"a": ["b"], "b": ["c"], "c": []}, "c"),
    "of two that call each other the first goes ahead": ({"a": ["b"], "b": ["a"]}, "a"),
    "of three in a ring the first goes ahead": ({"a": ["b"], "b": ["c"], "c": ["a"]}, "a"),
    "who calls into a ring waits for it": ({"a": ["b"], "b": ["c"], "c": ["b"]}, "b"),
    "who calls itself waits for nobody": ({"a": ["a"], "b": []}, "a b"),
}


@pytest.mark.parametrize(("calls", "first"), CALLS.values(), ids=CALLS)
def test_the_order_of_deploys(calls: dict[str, list[str]], first: str) -> None:
    assert sorted(first_of(list(calls), calls)) == first.split()


def test_some_deploy_can_always_go_ahead() -> None:
    names = "abcd"
    for code in range(2 ** (len(names) ** 2)):
        if code % 37:  # every 37th of all graphs of four
            continue
        calls = {
            name: [other for j, other in enumerate(names) if code >> (i * 4 + j) & 1] for i, name in enumerate(names)
        }
        waiting = list(names)
        while waiting:
            first = first_of(waiting, calls)
            assert first, calls
            waiting = [name for name in waiting if name not in first]


def test_a_deploy_waits_for_its_peers_also_while_they_run() -> None:
    plan = two_services()
    frontend = replace(FRONTEND, peers=(Peer("backend", "BACKEND_URL"),))
    story = Story(replace(plan, environment=replace(plan.environment, targets=(BACKEND, frontend)))).begin()

    assert moves(story) == ["start 1/deploy-backend"]
    assert moves(story.start("deploy-backend")) == []
    assert moves(story.end("deploy-backend", Outcome.FAILED)) == ["start 1/deploy-frontend"]
    assert calls_of((BACKEND, frontend)) == {"backend": [], "frontend": ["backend"]}


WATCHED = {
    "nothing seen yet": (Watched(), Going.HOLD),
    "enough answers too early": (Watched(9.9, 10), Going.HOLD),
    "long enough with too few answers": (Watched(10.0, 9), Going.HOLD),
    "no answer at all is never good": (Watched(59.9, 0), Going.HOLD),
    "enough of both": (Watched(10.0, 10), Going.ON),
    "enough answers that came late": (Watched(60.0, 10), Going.ON),
    "too few for far too long": (Watched(60.0, 9), Going.BACK),
    "one bad answer among many": (Watched(20.0, 500, ("HTTP 500",)), Going.BACK),
}


@pytest.mark.parametrize(("watched", "expected"), WATCHED.values(), ids=WATCHED)
def test_a_stage_goes_on_only_with_enough_good_answers(watched: Watched, expected: Going) -> None:
    assert going(Promotion(hold=10.0, samples=10), watched) is expected


def test_stages_are_watched_no_longer_than_the_act_may_take() -> None:
    promotion = Promotion(stages=(10, 50), hold=10.0)

    assert longest(promotion) == 2 * patience(promotion)


SPLITS = {
    "all of one": ("old=100", 10, "new=10 old=90"),
    "whole parts": ("a=50 b=50", 20, "new=20 a=40 b=40"),
    "what is lost to whole percents goes to the largest": ("a=34 b=33 c=33", 50, "new=50 a=18 b=16 c=16"),
    "a part of nothing is left out": ("a=99 b=1", 50, "new=50 a=50"),
    "the last but one percent": ("a=99 b=1", 99, "new=99 a=1"),
    "lines of one revision are added up": ("a=60 a=40", 10, "new=10 a=90"),
}


@pytest.mark.parametrize(("before", "percent", "expected"), SPLITS.values(), ids=SPLITS)
def test_a_stage_takes_from_all_in_proportion(before: str, percent: int, expected: str) -> None:
    assert spelled(staged(read(before), "new", percent)) == expected


def test_stages_always_share_out_everything() -> None:
    for first in range(1, 100):
        for percent in range(1, 100):
            shares = staged((Share("a", first), Share("b", 100 - first)), "new", percent)
            assert sum(share.percent for share in shares) == 100
            assert all(share.percent > 0 for share in shares)


@pytest.mark.parametrize("words", ["", "a=100", "a=90 b=10@blue c=0@ntl-1"])
def test_traffic_is_read_as_it_was_told(words: str) -> None:
    assert spelled(read(words)) == words


def test_percents_leave_out_who_gets_nothing() -> None:
    assert percents(read("a=60 a=30@x b=10 c=0@y")) == {"a": 90, "b": 10}


def taken_back_and_resumed() -> Story:
    """A shift in stages that a signal stopped; it was taken back, the session resumed, and all has passed again."""
    story = Story(with_strategy(usual_plan(), Strategy.GRADUAL)).begin().deploys().is_healthy()
    story.tests("p1", ["a"]).tests("events", ["c"]).does("logs-backend").start("promote-backend").emit(Interrupted(2))
    story.emit(StopAsked("1/promote-backend", "interrupted")).end(
        "promote-backend", Outcome.INCOMPLETE, "stopped at 10 %"
    )
    return story.restores().emit(SessionResumed("resume"))


def test_what_was_promoted_after_a_resume_serves_whatever_was_taken_back_before() -> None:
    story = taken_back_and_resumed()
    assert moves(story) == ["start 1/promote-backend"]
    story.promotes()

    assert moves(story) == ["finish GREEN 0"]
    (service,) = result_of(story.session)["services"]
    assert service["serving_revision"] == NEW


def test_what_was_taken_back_before_a_resume_does_not_take_back_what_failed_after_it() -> None:
    story = taken_back_and_resumed().promotes(Outcome.FAILED)

    assert conclude(story.session).colour.value == "UNSAFE"
    assert moves(story) == ["start 1/restore-backend"]
    assert moves(story.restores()) == ["finish RED 1"]
