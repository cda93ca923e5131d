"""What follows from what has happened: a table of small sessions and the moves they lead to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from netra_loop.core.agenda import FOREIGN_CHANGE
from netra_loop.core.events import Interrupted, SessionFinished, SessionResumed, StopAsked, Ticked, Verdict
from netra_loop.core.outcome import Colour, Outcome, TestOutcome
from netra_loop.core.plan import Kind, Phase, When
from netra_loop.core.policy import Begin, Finish, Move, Start, Stop, decide
from tests.stories import START, Story, fail_fast, plan_of, step, suite, two_services, usual_plan

RED = {"a": TestOutcome.FAILED, "b": TestOutcome.PASSED}
WORSE = {"a": TestOutcome.FAILED, "b": TestOutcome.FAILED}


def told(move: Move) -> str:
    """A move as the tables below write it."""
    match move:
        case Begin(number):
            return f"begin {number}"
        case Start(act):
            return f"start {act.id}"
        case Stop(act_id, why):
            return f"stop {act_id}: {why}"
        case Finish(verdict):
            return f"finish {verdict.colour.value} {verdict.exit_code}"


def moves(story: Story) -> list[str]:
    return [told(move) for move in decide(story.session).moves]


def begun(**plan: float) -> Story:
    return Story(usual_plan(**plan)).begin()  # type: ignore[arg-type]


def all_proven(story: Story) -> Story:
    return story.deploys().is_healthy().tests("p1", ["a", "b"]).tests("events", ["c"]).does("logs-backend")


def red(story: Story, tests: dict[str, TestOutcome] = RED) -> Story:
    story.deploys().is_healthy().tests("p1", tests, Outcome.FAILED, "failed_tests")
    return story.tests("events", ["c"]).does("logs-backend")


def both_proven(wall: float = 3600.0) -> Story:
    return Story(two_services(wall)).begin().both_proven()


def running_command() -> Story:
    plan = plan_of(Phase("run", "Run", (step(Kind.RUN, "", step_id="migrate", argv=("true",)),)))
    return Story(plan).begin().start("migrate")


CASES: dict[str, tuple[Callable[[], Story], list[str]]] = {
    "a new session begins its first iteration": (lambda: Story(usual_plan()), ["begin 1"]),
    "an iteration starts what needs nothing": (begun, ["start 1/deploy-backend"]),
    "nothing is to do while an act runs": (lambda: begun().start("deploy-backend"), []),
    "a phase starts when the one it needs has passed": (lambda: begun().deploys(), ["start 1/health-backend"]),
    "a phase that stops keeps the next from starting, but not one that always runs": (
        lambda: begun().does("deploy-backend", Outcome.FAILED),
        ["start 1/logs-backend"],
    ),
    "a red phase that continues lets the next start": (
        lambda: begun().deploys().is_healthy().tests("p1", RED, Outcome.FAILED),
        ["start 1/events"],
    ),
    "all proven leads to the promote": (lambda: all_proven(begun()), ["start 1/promote-backend"]),
    "the promote proven leads to green": (lambda: all_proven(begun()).promotes(), ["finish GREEN 0"]),
    "red tests end red without a promote": (lambda: red(begun()), ["finish RED 1"]),
    "a deploy that could not be looked at ends as an error": (
        lambda: begun().does("deploy-backend", Outcome.ERRORED).does("logs-backend"),
        ["finish ERROR 4"],
    ),
    "an optional phase that failed changes nothing": (
        lambda: (
            begun()
            .deploys()
            .is_healthy()
            .tests("p1", ["a"])
            .tests("events", ["c"])
            .does("logs-backend", Outcome.ERRORED)
        ),
        ["start 1/promote-backend"],
    ),
    "a failed promote is followed by a restore": (
        lambda: all_proven(begun()).promotes(Outcome.FAILED),
        ["start 1/restore-backend"],
    ),
    "a failed promote that was restored is red": (
        lambda: all_proven(begun()).promotes(Outcome.FAILED).restores(),
        ["finish RED 1"],
    ),
    "a failed restore is unsafe": (
        lambda: all_proven(begun()).promotes(Outcome.FAILED).restores(Outcome.ERRORED),
        ["finish UNSAFE 30"],
    ),
    "a failed promote of a first revision has nothing to go back to and is unsafe": (
        lambda: (
            begun()
            .deploys(previous="")
            .is_healthy()
            .tests("p1", ["a"])
            .tests("events", ["c"])
            .does("logs-backend")
            .promotes(Outcome.FAILED)
        ),
        ["finish UNSAFE 30"],
    ),
    "a red iteration after which nothing was changed is the last": (
        lambda: red(begun(iterations=3)),
        ["finish RED 1"],
    ),
    "a failing set that does not shrink ends the session": (
        lambda: red(red(begun(iterations=3)).begin()),
        ["finish RED 5"],
    ),
    "a failing set that shrinks ends the session all the same when nothing was changed": (
        lambda: red(red(begun(iterations=3), WORSE).begin()),
        ["finish RED 1"],
    ),
    "the iterations can be spent": (lambda: red(red(begun(iterations=2), WORSE).begin()), ["finish RED 5"]),
    "the time budget stops what runs": (
        lambda: begun(wall=3.0).start("deploy-backend").emit(Ticked(), after=5.0),
        ["stop 1/deploy-backend: the time budget is spent"],
    ),
    "the time budget finishes once nothing runs": (
        lambda: (
            begun(wall=3.0)
            .start("deploy-backend")
            .emit(Ticked(), after=5.0)
            .emit(StopAsked("1/deploy-backend", "budget"))
            .end("deploy-backend", Outcome.INCOMPLETE, "stopped")
        ),
        ["finish INCOMPLETE 5"],
    ),
    "a signal stops what runs": (
        lambda: begun().start("deploy-backend").emit(Interrupted(2)),
        ["stop 1/deploy-backend: interrupted"],
    ),
    "a signal waits for what was told to stop": (
        lambda: begun().start("deploy-backend").emit(Interrupted(2)).emit(StopAsked("1/deploy-backend", "x")),
        [],
    ),
    "a signal ends with its own code": (lambda: begun().emit(Interrupted(15)), ["finish INCOMPLETE 143"]),
    "a signal before anything ran ends at once": (
        lambda: Story(usual_plan()).emit(Interrupted(2)),
        ["finish INCOMPLETE 130"],
    ),
    "a signal after everything was green is incomplete at best": (
        lambda: all_proven(begun()).promotes().emit(Interrupted(2)),
        ["finish INCOMPLETE 130"],
    ),
    "a signal with red tests stays red": (lambda: red(begun()).emit(Interrupted(2)), ["finish RED 130"]),
    "a traffic shift is not cut in the middle": (
        lambda: all_proven(begun()).start("promote-backend").emit(Interrupted(2)),
        [],
    ),
    "an interrupted session still restores what a failed promote left": (
        lambda: (
            all_proven(begun()).start("promote-backend").emit(Interrupted(2)).end("promote-backend", Outcome.FAILED)
        ),
        ["start 1/restore-backend"],
    ),
    "an act that was adrift is taken up again": (
        lambda: begun().start("deploy-backend").emit(SessionResumed("resume")),
        ["start 1/deploy-backend"],
    ),
    "an act that was adrift is not taken up again once a signal came": (
        lambda: begun().start("deploy-backend").emit(SessionResumed("resume")).emit(Interrupted(2)),
        ["finish INCOMPLETE 130"],
    ),
    "a traffic shift that was adrift is brought to its end even after a signal": (
        lambda: all_proven(begun()).start("promote-backend").emit(SessionResumed("resume")).emit(Interrupted(2)),
        ["start 1/promote-backend"],
    ),
    "a signal leaves what was not promoted yet as it is": (
        lambda: all_proven(begun()).emit(Interrupted(2)),
        ["finish INCOMPLETE 130"],
    ),
    "a signal stops a once-only command too": (
        lambda: running_command().emit(Interrupted(2)),
        ["stop 1/migrate: interrupted"],
    ),
    "a once-only command cut by a signal is not begun again": (
        lambda: (
            running_command()
            .emit(Interrupted(2))
            .emit(StopAsked("1/migrate", "interrupted"))
            .end("migrate", Outcome.INCOMPLETE, "stopped")
            .emit(SessionResumed("resume"))
        ),
        ["finish INCOMPLETE 3"],
    ),
    "that nobody can know how a command ended outweighs the signal": (
        lambda: running_command().emit(SessionResumed("resume")).emit(Interrupted(2)),
        ["finish INCOMPLETE 7"],
    ),
    "a promote that could not be looked at is followed by a restore": (
        lambda: all_proven(begun()).promotes(Outcome.ERRORED),
        ["start 1/restore-backend"],
    ),
    "a promote that could not be looked at and was restored is an error": (
        lambda: all_proven(begun()).promotes(Outcome.ERRORED).restores(),
        ["finish ERROR 4"],
    ),
    "unsafe ends the session although iterations are left": (
        lambda: all_proven(begun(iterations=3)).promotes(Outcome.FAILED).restores(Outcome.FAILED),
        ["finish UNSAFE 30"],
    ),
    "green ends the session although iterations are left": (
        lambda: all_proven(begun(iterations=3)).promotes(),
        ["finish GREEN 0"],
    ),
    "no progress is told against the best of all iterations before": (
        lambda: red(red(red(begun(iterations=9)).begin(), WORSE).begin()),
        ["finish RED 5"],
    ),
    "the time budget is spent at the very moment of its end": (
        lambda: begun(wall=7.0).start("deploy-backend").emit(Ticked(), after=5.0),
        ["stop 1/deploy-backend: the time budget is spent"],
    ),
    "the time budget is not spent a moment before": (
        lambda: begun(wall=7.0).start("deploy-backend").emit(Ticked(), after=4.99),
        [],
    ),
    "the time in which nobody ran the session is not counted": (
        lambda: begun(wall=60.0).start("deploy-backend").emit(SessionResumed("resume"), after=900.0),
        ["start 1/deploy-backend"],
    ),
    "the time before a crash and after it is counted": (
        lambda: (
            begun(wall=60.0)
            .start("deploy-backend")
            .emit(Ticked(), after=30.0)
            .emit(SessionResumed("resume"), after=900.0)
            .emit(Ticked(), after=30.0)
        ),
        ["finish INCOMPLETE 5"],
    ),
    "a deploy that met somebody else's change ends with nine and touches nothing": (
        lambda: begun(iterations=3).does("deploy-backend", Outcome.ERRORED, FOREIGN_CHANGE),
        ["finish ERROR 9"],
    ),
    "a promote that met somebody else's change ends with nine and restores nothing": (
        lambda: all_proven(begun(iterations=3)).does("promote-backend", Outcome.ERRORED, FOREIGN_CHANGE),
        ["finish ERROR 9"],
    ),
    "several services are promoted together": (
        lambda: both_proven(),
        ["start 1/promote-backend", "start 1/promote-frontend"],
    ),
    "what is promoted is not promoted again": (
        lambda: both_proven().promotes(),
        ["start 1/promote-frontend"],
    ),
    "all promoted leads to green": (
        lambda: both_proven().promotes().promotes(target="frontend"),
        ["finish GREEN 0"],
    ),
    "one broken promote keeps the other service from being promoted": (
        lambda: both_proven().promotes(Outcome.FAILED),
        ["start 1/restore-backend"],
    ),
    "one broken promote restores every service that was promoted": (
        lambda: both_proven().promotes().promotes(Outcome.FAILED, target="frontend"),
        ["start 1/restore-backend", "start 1/restore-frontend"],
    ),
    "what is restored is not restored again": (
        lambda: both_proven().promotes().promotes(Outcome.FAILED, target="frontend").restores(),
        ["start 1/restore-frontend"],
    ),
    "nothing is restored while another promote runs": (
        lambda: both_proven().start("promote-backend").start("promote-frontend").end("promote-backend", Outcome.FAILED),
        [],
    ),
    "nothing is promoted while another promote runs": (
        lambda: both_proven().start("promote-backend"),
        [],
    ),
    "a signal waits for the promote that runs before it restores another": (
        lambda: (
            both_proven()
            .start("promote-backend")
            .start("promote-frontend")
            .emit(Interrupted(2))
            .end("promote-backend", Outcome.FAILED)
        ),
        [],
    ),
    "a promote that was begun is finished for every service even after a signal": (
        lambda: both_proven().promotes().emit(Interrupted(2)),
        ["start 1/promote-frontend"],
    ),
    "a promote that was begun is finished even after the time budget": (
        lambda: both_proven(wall=60.0).promotes().emit(Ticked(), after=60.0),
        ["start 1/promote-frontend"],
    ),
    "after a signal too one broken promote keeps the other from being promoted": (
        lambda: both_proven().promotes(Outcome.FAILED).emit(Interrupted(2)),
        ["start 1/restore-backend"],
    ),
    "somebody else's change takes back what this session promoted and leaves theirs alone": (
        lambda: (
            both_proven().promotes().start("promote-frontend").end("promote-frontend", Outcome.ERRORED, FOREIGN_CHANGE)
        ),
        ["start 1/restore-backend"],
    ),
    "after somebody else's change and the way back the session ends with nine": (
        lambda: (
            both_proven()
            .promotes()
            .start("promote-frontend")
            .end("promote-frontend", Outcome.ERRORED, FOREIGN_CHANGE)
            .restores()
        ),
        ["finish ERROR 9"],
    ),
    "a finished session does nothing": (
        lambda: begun().emit(SessionFinished(Verdict(Colour.RED, "red", 1))),
        [],
    ),
}


@pytest.mark.parametrize(("tell", "expected"), CASES.values(), ids=CASES)
def test_decide(tell: Callable[[], Story], expected: list[str]) -> None:
    assert moves(tell()) == expected


def test_the_policy_wants_to_be_woken_when_the_budget_ends() -> None:
    assert decide(begun(wall=60.0).session).wake_at == START + timedelta(seconds=60)


def test_a_once_only_act_that_was_adrift_ends_the_session_with_seven() -> None:
    plan = plan_of(Phase("run", "Run", (step(Kind.RUN, "", step_id="migrate", argv=("true",)),)))
    story = Story(plan).begin().start("migrate").emit(SessionResumed("resume"))

    assert moves(story) == ["finish INCOMPLETE 7"]


def test_no_more_suites_run_at_once_than_there_are_slots() -> None:
    suites = [suite(name) for name in ("one", "two", "three")]
    phase = Phase("suites", "Suites", tuple(step(Kind.SUITE, each.id) for each in suites))
    story = Story(replace(plan_of(phase, suites=suites), slots=2)).begin()

    assert moves(story) == ["start 1/one", "start 1/two"]


def test_suites_that_hold_the_same_thing_alone_run_one_after_the_other() -> None:
    suites = [suite("one", exclusive=("user",)), suite("two", exclusive=("user",)), suite("three")]
    phase = Phase("suites", "Suites", tuple(step(Kind.SUITE, each.id) for each in suites))
    story = Story(plan_of(phase, suites=suites)).begin()

    assert moves(story) == ["start 1/one", "start 1/three"]
    assert moves(story.start("one").start("three")) == []
    assert moves(story.end("one")) == ["start 1/two"]


def test_fail_fast_stops_the_others_and_starts_nothing_but_what_always_runs() -> None:
    suites = [suite("one"), suite("two")]
    both = Phase("suites", "Suites", tuple(step(Kind.SUITE, each.id) for each in suites))
    later = Phase("later", "Later", (step(Kind.HEALTH, "backend"),), ("suites",))
    story = Story(fail_fast(plan_of(both, later, suites=suites))).begin().start("one").start("two")

    assert moves(story.end("one", Outcome.FAILED)) == ["stop 1/two: fail_fast"]


def test_fail_fast_leaves_what_always_runs_alone() -> None:
    suites = [suite("one"), suite("two")]
    both = Phase("suites", "Suites", tuple(step(Kind.SUITE, each.id) for each in suites))
    logs = Phase("logs", "Logs", (step(Kind.LOGS, "backend"),), when=When.ALWAYS)
    story = Story(fail_fast(plan_of(both, logs, suites=suites))).begin().start("one").start("two").start("logs-backend")

    assert moves(story.end("one", Outcome.FAILED)) == ["stop 1/two: fail_fast"]


def test_without_fail_fast_a_failure_stops_nobody() -> None:
    suites = [suite("one"), suite("two")]
    both = Phase("suites", "Suites", tuple(step(Kind.SUITE, each.id) for each in suites))
    story = Story(plan_of(both, suites=suites)).begin().start("one").start("two")

    assert moves(story.end("one", Outcome.FAILED)) == []


def test_the_policy_is_woken_later_by_as_long_as_nobody_ran_the_session() -> None:
    story = begun(wall=60.0).start("deploy-backend").emit(SessionResumed("resume"), after=900.0)

    assert decide(story.session).wake_at == START + timedelta(seconds=960)


def test_out_of_focus_steps_never_start_and_are_not_missed() -> None:
    story = Story(usual_plan().focused("p1")).begin().deploys().is_healthy().tests("p1", ["a"])

    assert moves(story) == ["start 1/promote-backend"]


def test_health_alone_proves_nothing() -> None:
    story = Story(usual_plan().focused("health-backend")).begin().deploys().is_healthy()

    assert moves(story) == ["finish INCOMPLETE 3"]


def test_without_a_deploy_there_is_nothing_to_promote() -> None:
    plan = replace(usual_plan(), deploys=False).focused("all")
    story = Story(plan).begin().is_healthy().tests("p1", ["a"]).tests("events", ["c"]).does("logs-backend")

    assert moves(story) == ["finish GREEN 0"]
