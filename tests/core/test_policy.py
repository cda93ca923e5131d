"""What follows from what has happened: a table of small sessions and the moves they lead to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from netra_loop.core.agenda import FOREIGN_CHANGE
from netra_loop.core.environment import OutsideProgram, RemedyMode, UserMode, Users
from netra_loop.core.events import (
    Interrupted,
    SessionFinished,
    SessionResumed,
    StopAsked,
    TestsCollected,
    TestsObserved,
    Ticked,
    Verdict,
)
from netra_loop.core.outcome import Colour, Outcome, TestOutcome
from netra_loop.core.plan import Kind, Phase, Plan, When
from netra_loop.core.policy import Begin, Finish, Move, Start, Stop, decide
from netra_loop.core.problem import Receipt
from tests.stories import (
    START,
    Story,
    ended_test,
    fail_fast,
    knowing,
    leasing,
    named,
    plan_of,
    raising,
    step,
    suite,
    two_services,
    usual_plan,
)

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


def after_red(
    mode: RemedyMode = RemedyMode.APPLY, *, remedies: int = 10, iterations: int = 3, wall: float = 3600.0
) -> Story:
    """A session with knowledge, up to the end of the phases of its first iteration, in which `a` and `b` are red."""
    return Story(knowing(usual_plan(iterations, wall), mode, remedies=remedies)).runs(WORSE)


def asking(plan: Plan) -> Plan:
    """The plan with nothing but an outside program to ask."""
    return replace(plan, environment=replace(plan.environment, diagnose=OutsideProgram(("ask",))))


def stopped_early() -> Story:
    """A session with fail_fast whose first suite was red, so that its second never ran."""
    story = Story(fail_fast(knowing(usual_plan(3)))).begin().deploys().is_healthy()
    return story.tests("p1", RED, Outcome.FAILED).does("logs-backend")


ONE = raising("r1", "p1::a")
OTHER = raising("r2", "p1::b", after="3.3", variable="OTHER_LIMIT")
BOTH = raising("r2", "p1::a", "p1::b", after="3.3")
REFUSED = raising("r1", "p1::a", refusal="the work takes longer than the cap allows")
CHEATING = Receipt("r1", {}, {}, violations=("a skip was added",))
NEWER = "backend-newer"


def broken_by_one() -> Story:
    """A session whose only remedy turned its own test green, and another red."""
    broken = {"a": TestOutcome.PASSED, "b": TestOutcome.FAILED}
    story = Story(knowing(usual_plan(3))).runs(RED).diagnoses(ONE).cures("r1")
    return story.runs(broken, verifies={"p1": ["a"]}, revision=NEWER, changes=("r1",))


REMEDIES: dict[str, tuple[Callable[[], Story], list[str]]] = {
    "red tests are diagnosed where causes are known": (after_red, ["start 1/diagnose"]),
    "red tests are not diagnosed where no cause is known": (
        lambda: Story(replace(usual_plan(3), remedies=RemedyMode.APPLY)).runs(WORSE),
        ["finish RED 5"],
    ),
    "red tests are diagnosed where an outside program can be asked": (
        lambda: Story(asking(usual_plan(3))).runs(WORSE),
        ["start 1/diagnose"],
    ),
    "red tests are diagnosed also while remedies are off": (lambda: after_red(RemedyMode.OFF), ["start 1/diagnose"]),
    "red tests are diagnosed also in the only iteration": (lambda: after_red(iterations=1), ["start 1/diagnose"]),
    "a check that did not pass is diagnosed, though no test ran": (
        lambda: (
            Story(knowing(usual_plan(3)))
            .begin()
            .deploys()
            .does("health-backend", Outcome.FAILED, "HTTP 500")
            .does("logs-backend")
        ),
        ["start 1/diagnose"],
    ),
    "a test without an end is red, and diagnosed": (
        lambda: (
            Story(knowing(usual_plan(3)))
            .begin()
            .deploys()
            .is_healthy()
            .tests("p1", {"a": TestOutcome.TIMEOUT}, Outcome.INCOMPLETE, "timed_out", ended_by="timeout")
            .does("events")
            .does("logs-backend")
        ),
        ["start 1/diagnose"],
    ),
    "nothing is diagnosed before every phase is over": (
        lambda: Story(knowing(usual_plan(3))).begin().deploys().is_healthy().tests("p1", RED, Outcome.FAILED),
        ["start 1/events"],
    ),
    "green is promoted and not diagnosed": (
        lambda: Story(knowing(usual_plan(3))).runs(),
        ["start 1/promote-backend"],
    ),
    "nothing is to do while the diagnosis runs": (lambda: after_red().start("diagnose"), []),
    "a diagnosis without a remedy ends as not repaired": (lambda: after_red().diagnoses(), ["finish RED 5"]),
    "a diagnosis that could not read the logs ends as not repaired": (
        lambda: after_red().does("diagnose", Outcome.ERRORED, "reading the logs: unavailable"),
        ["finish RED 5"],
    ),
    "remedies that are off are not applied, and red is plain red": (
        lambda: after_red(RemedyMode.OFF).diagnoses(ONE),
        ["finish RED 1"],
    ),
    "a remedy is applied": (lambda: after_red().diagnoses(ONE), ["start 1/cure-r1"]),
    "remedies for different tests are applied one after the other": (
        lambda: after_red().diagnoses(ONE, OTHER),
        ["start 1/cure-r1"],
    ),
    "of remedies for the same tests the first is applied": (
        lambda: after_red().diagnoses(ONE, BOTH),
        ["start 1/cure-r1"],
    ),
    "no more remedies are applied than the budget allows": (
        lambda: after_red(remedies=1).diagnoses(ONE, OTHER),
        ["start 1/cure-r1"],
    ),
    "a budget without remedies leaves red not repaired": (
        lambda: after_red(remedies=0).diagnoses(ONE),
        ["finish RED 5"],
    ),
    "a remedy that its bounds forbid is not applied": (lambda: after_red().diagnoses(REFUSED), ["finish RED 5"]),
    "a refused remedy keeps no other from its tests": (
        lambda: after_red().diagnoses(REFUSED, BOTH),
        ["start 1/cure-r2"],
    ),
    "an applied remedy is not applied twice": (
        lambda: after_red().diagnoses(ONE, OTHER).cures("r1"),
        ["start 1/cure-r2"],
    ),
    "nothing is begun while a remedy is being applied": (
        lambda: after_red().diagnoses(ONE, OTHER).start("cure-r1").start("cure-r2").end("cure-r1"),
        [],
    ),
    "another iteration begins when every remedy was applied": (
        lambda: after_red().diagnoses(ONE, OTHER).cures("r1", "r2"),
        ["begin 2"],
    ),
    "a remedy that could not be applied leaves red not repaired": (
        lambda: after_red().diagnoses(ONE).does("cure-r1", Outcome.ERRORED, "bug"),
        ["finish RED 5"],
    ),
    "one of two remedies applied is enough for another iteration": (
        lambda: after_red().diagnoses(ONE, OTHER).does("cure-r1", Outcome.ERRORED, "bug").cures("r2"),
        ["begin 2"],
    ),
    "the only iteration applies nothing": (lambda: after_red(iterations=1).diagnoses(ONE), ["finish RED 1"]),
    "the last iteration applies nothing": (
        lambda: (
            after_red(iterations=2)
            .diagnoses(ONE)
            .cures("r1")
            .runs(RED, verifies={"p1": RED}, changes=("r1",))
            .diagnoses(raising("r2", "p1::a", after="3.3"))
        ),
        ["finish RED 5"],
    ),
    "a remedy that leaves as much red as before is the last": (
        lambda: (
            after_red().diagnoses(ONE).cures("r1").runs(WORSE, verifies={"p1": RED}, changes=("r1",)).diagnoses(OTHER)
        ),
        ["finish RED 5"],
    ),
    "an iteration without progress is diagnosed all the same": (
        lambda: after_red().diagnoses(ONE).cures("r1").runs(WORSE, verifies={"p1": RED}, changes=("r1",)),
        ["start 2/diagnose"],
    ),
    "an iteration with progress applies the next remedy": (
        lambda: (
            after_red()
            .diagnoses(ONE)
            .cures("r1")
            .runs({"b": TestOutcome.FAILED, "a": TestOutcome.PASSED}, verifies={"p1": ["a"]}, changes=("r1",))
            .diagnoses(OTHER)
        ),
        ["start 2/cure-r2"],
    ),
    "a remedy that was applied before is not applied again": (
        lambda: after_red().diagnoses(ONE).cures("r1").runs(RED, verifies={"p1": RED}, changes=("r1",)).diagnoses(ONE),
        ["finish RED 5"],
    ),
    "an iteration that a remedy turned green is promoted": (
        lambda: after_red().diagnoses(BOTH).cures("r2").runs(verifies={"p1": ["a", "b"]}, changes=("r2",)),
        ["start 2/promote-backend"],
    ),
    "a remedy that broke something is taken back before anything else": (
        lambda: broken_by_one(),
        ["start 2/undo-r1"],
    ),
    "nothing follows while it is taken back": (lambda: broken_by_one().start("undo-r1"), []),
    "it is taken back once": (lambda: broken_by_one().undoes("r1"), ["start 2/diagnose"]),
    "a remedy that helped nothing is taken back": (
        lambda: after_red().diagnoses(ONE).cures("r1").runs(RED, verifies={"p1": RED}, revision=NEWER, changes=("r1",)),
        ["start 2/undo-r1"],
    ),
    "a remedy that a person must look at leaves red, and says so": (
        lambda: after_red().diagnoses(ONE).does("cure-r1", Outcome.FAILED, "a skip", seen=CHEATING),
        ["finish RED 6"],
    ),
    "others go on without it": (
        lambda: after_red().diagnoses(ONE, OTHER).does("cure-r1", Outcome.FAILED, "a skip", seen=CHEATING).cures("r2"),
        ["begin 2"],
    ),
    "green with others it still asks for a person": (
        lambda: (
            after_red()
            .diagnoses(BOTH, replace(OTHER, id="r3", tests=named("events::c")))
            .does("cure-r3", Outcome.FAILED, "a skip", seen=replace(CHEATING, remedy="r3"))
            .cures("r2")
            .runs(verifies={"p1": ["a", "b"]}, revision=NEWER, changes=("r2",))
            .promotes()
        ),
        ["finish GREEN 6"],
    ),
    "one remedy after the other is asked about": (
        lambda: after_red(RemedyMode.ASK).diagnoses(ONE, OTHER),
        ["start 1/ask-r1"],
    ),
    "nobody is asked twice at once": (lambda: after_red(RemedyMode.ASK).diagnoses(ONE, OTHER).start("ask-r1"), []),
    "the next question follows the answer, before anything is applied": (
        lambda: after_red(RemedyMode.ASK).diagnoses(ONE, OTHER).answers("r1"),
        ["start 1/ask-r2"],
    ),
    "what was agreed to is applied, what was not is not": (
        lambda: after_red(RemedyMode.ASK).diagnoses(ONE, OTHER).answers("r1", "declined").answers("r2"),
        ["start 1/cure-r2"],
    ),
    "nothing agreed to leaves red not repaired": (
        lambda: after_red(RemedyMode.ASK).diagnoses(ONE).answers("r1", "declined"),
        ["finish RED 5"],
    ),
    "a question that broke is no agreement": (
        lambda: after_red(RemedyMode.ASK).diagnoses(ONE).does("ask-r1", Outcome.ERRORED, "bug"),
        ["finish RED 5"],
    ),
    "nobody is asked about a remedy that its bounds forbid": (
        lambda: after_red(RemedyMode.ASK).diagnoses(REFUSED),
        ["finish RED 5"],
    ),
    "the time budget stops a diagnosis": (
        lambda: after_red(wall=60.0).start("diagnose").emit(Ticked(), after=60.0),
        ["stop 1/diagnose: the time budget is spent"],
    ),
    "after a diagnosis that the time budget stopped the session is red": (
        lambda: (
            after_red(wall=60.0)
            .start("diagnose")
            .emit(Ticked(), after=60.0)
            .emit(StopAsked("1/diagnose", "the time budget is spent"))
            .end("diagnose", Outcome.INCOMPLETE, "stopped")
        ),
        ["finish RED 5"],
    ),
    "a spent time budget applies nothing": (
        lambda: after_red(wall=60.0).diagnoses(ONE).emit(Ticked(), after=60.0),
        ["finish RED 5"],
    ),
    "a spent time budget begins no iteration": (
        lambda: after_red(wall=60.0).diagnoses(ONE).cures("r1").emit(Ticked(), after=60.0),
        ["finish RED 5"],
    ),
    "a diagnosis that died is taken up again": (
        lambda: after_red().start("diagnose").emit(SessionResumed("resume")),
        ["start 1/diagnose"],
    ),
    "a question that died is asked again": (
        lambda: after_red(RemedyMode.ASK).diagnoses(ONE, OTHER).start("ask-r1").emit(SessionResumed("resume")),
        ["start 1/ask-r1"],
    ),
    "a question that a signal cut short is asked again": (
        lambda: (
            after_red(RemedyMode.ASK)
            .diagnoses(ONE)
            .start("ask-r1")
            .emit(Interrupted(2))
            .emit(StopAsked("1/ask-r1", "interrupted"))
            .end("ask-r1", Outcome.INCOMPLETE, "stopped")
            .emit(SessionResumed("resume"))
        ),
        ["start 1/ask-r1"],
    ),
    "an answer from before a crash is not asked for again": (
        lambda: after_red(RemedyMode.ASK).diagnoses(ONE, OTHER).answers("r1").emit(SessionResumed("resume")),
        ["start 1/ask-r2"],
    ),
    "a remedy that was being applied is taken up again": (
        lambda: after_red().diagnoses(ONE, OTHER).start("cure-r1").emit(SessionResumed("resume")),
        ["start 1/cure-r1"],
    ),
    "a remedy applied before a crash begins the next iteration after it": (
        lambda: after_red().diagnoses(ONE).cures("r1").emit(SessionResumed("resume")),
        ["begin 2"],
    ),
    "a verification that died is taken up again before any suite": (
        lambda: verifying().start("verify-events").emit(SessionResumed("resume")),
        ["start 2/verify-events", "start 2/verify-p1"],
    ),
    "fail_fast diagnoses what it saw": (lambda: stopped_early(), ["start 1/diagnose"]),
    "fail_fast does not stop the diagnosis": (lambda: stopped_early().start("diagnose"), []),
    "fail_fast applies remedies": (lambda: stopped_early().diagnoses(ONE), ["start 1/cure-r1"]),
    "fail_fast does not stop a remedy that is being applied": (
        lambda: stopped_early().diagnoses(ONE).start("cure-r1"),
        [],
    ),
}


@pytest.mark.parametrize(("tell", "expected"), REMEDIES.values(), ids=REMEDIES)
def test_what_is_done_about_red(tell: Callable[[], Story], expected: list[str]) -> None:
    assert moves(tell()) == expected


REASONS: dict[str, tuple[Callable[[], Story], str]] = {
    "not repaired": (lambda: after_red().diagnoses(REFUSED), "not repaired; p1 failed"),
    "no progress": (
        lambda: after_red().diagnoses(ONE).cures("r1").runs(WORSE, verifies={"p1": RED}, changes=("r1",)).diagnoses(),
        "no progress; p1 failed",
    ),
    "the iterations are spent": (
        lambda: (
            after_red(iterations=2)
            .diagnoses(ONE)
            .cures("r1")
            .runs(RED, verifies={"p1": RED}, changes=("r1",))
            .diagnoses()
        ),
        "the iterations are spent; p1 failed",
    ),
    "off": (lambda: after_red(RemedyMode.OFF).diagnoses(ONE), "p1 failed"),
}


@pytest.mark.parametrize(("tell", "expected"), REASONS.values(), ids=REASONS)
def test_the_verdict_says_why_a_red_session_goes_no_further(tell: Callable[[], Story], expected: str) -> None:
    (move,) = decide(tell().session).moves

    assert isinstance(move, Finish)
    assert move.verdict.reason == expected


def test_a_service_that_this_session_does_not_deploy_is_not_changed() -> None:
    plan = replace(knowing(usual_plan(3)), deploys=False).focused("all")
    story = Story(plan).begin().is_healthy().tests("p1", RED, Outcome.FAILED).tests("events", ["c"])
    story.does("logs-backend").diagnoses(ONE)

    assert moves(story) == ["finish RED 5"]


def test_a_session_that_deploys_nothing_can_still_give_every_suite_its_own_user() -> None:
    users = Users(("u1", "u2"), UserMode.SHARED)
    plan = replace(knowing(usual_plan(3), users=users), deploys=False).focused("all")
    story = Story(plan).begin().is_healthy().tests("p1", RED, Outcome.FAILED).tests("events", ["c"])
    story.does("logs-backend").diagnoses(leasing("r1", "p1::a"))

    assert moves(story) == ["start 1/cure-r1"]


def verifying() -> Story:
    """The second iteration after a remedy for tests of both suites, its first suite about to start."""
    remedy = raising("r1", "p1::a", "events::c")
    story = Story(knowing(usual_plan(3))).runs(RED, {"c": TestOutcome.FAILED}).diagnoses(remedy).cures("r1")
    return story.begin().deploys(changes=("r1",)).is_healthy()


def test_what_a_remedy_is_to_turn_green_runs_alone_before_any_suite_also_before_those_of_its_own_phase() -> None:
    story = verifying()

    assert moves(story) == ["start 2/verify-p1", "start 2/verify-events"]
    assert moves(story.start("verify-p1").start("verify-events")) == []
    assert moves(story.end("verify-p1")) == [], "the suites wait for every verification"
    assert moves(story.end("verify-events")) == ["start 2/p1"]
    assert moves(story.tests("p1", ["a", "b"])) == ["start 2/events"]


def test_suites_run_also_after_a_verification_that_is_red_or_broke() -> None:
    story = verifying().does("verify-p1", Outcome.FAILED, "failed_tests").does("verify-events", Outcome.ERRORED)

    assert moves(story) == ["start 2/p1"]


def test_verifications_take_slots_as_suites_do() -> None:
    story = verifying()
    one_slot = replace(story.session, plan=replace(story.session.plan, slots=1))

    assert [told(move) for move in decide(one_slot).moves] == ["start 2/verify-p1"]


def test_the_third_iteration_verifies_what_the_second_applied_and_nothing_older() -> None:
    story = after_red().diagnoses(ONE).cures("r1")
    story.runs({"b": TestOutcome.FAILED, "a": TestOutcome.PASSED}, verifies={"p1": ["a"]}, changes=("r1",))
    story.diagnoses(raising("r2", "events::c")).cures("r2").begin().deploys(changes=("r1", "r2")).is_healthy()

    assert moves(story) == ["start 3/verify-events"]


def test_a_red_verification_with_fail_fast_is_diagnosed_or_at_least_red() -> None:
    story = stopped_early().diagnoses(ONE).cures("r1").begin().deploys(changes=("r1",)).is_healthy()
    story.tests("verify-p1", {"a": TestOutcome.FAILED}, Outcome.FAILED, "failed_tests").does("logs-backend")
    (move,) = moves(story)

    assert move.startswith(("start 2/diagnose", "finish RED")), move


def three_suites(users: Users | None, slots: int = 4) -> Story:
    suites = [suite("one"), suite("two"), suite("three")]
    phase = Phase("suites", "Suites", tuple(step(Kind.SUITE, each.id) for each in suites))
    plan: Plan = knowing(plan_of(phase, suites=suites, iterations=3), users=users)
    return Story(replace(plan, slots=slots)).begin()


def users_of(story: Story) -> dict[str, str]:
    """The test user of every act that the policy wants to start now."""
    return {move.act.id: move.act.user for move in decide(story.session).moves if isinstance(move, Start)}


def test_without_test_users_no_suite_has_one() -> None:
    assert users_of(three_suites(None)) == {"1/one": "", "1/two": "", "1/three": ""}


def test_a_shared_user_is_the_first_of_the_pool_for_every_suite_and_held_by_none() -> None:
    story = three_suites(Users(("u1", "u2"), UserMode.SHARED))

    assert users_of(story) == {"1/one": "u1", "1/two": "u1", "1/three": "u1"}
    assert [record.act.holds for record in story.starts().session.running] == [frozenset()] * 3


def test_an_exclusive_user_is_held_by_its_suite_and_the_others_wait_for_one_to_be_free() -> None:
    story = three_suites(Users(("u1", "u2")))

    assert users_of(story) == {"1/one": "u1", "1/two": "u2"}
    story.starts()
    assert [record.act.holds for record in story.session.running] == [{"user:u1"}, {"user:u2"}]
    assert users_of(story) == {}, "no user is free"
    assert users_of(story.end("two")) == {"1/three": "u2"}


def test_an_exclusive_user_comes_on_top_of_what_a_suite_holds_already() -> None:
    suites = [suite("one", exclusive=("cart",))]
    phase = Phase("suites", "Suites", (step(Kind.SUITE, "one"),))
    story = Story(knowing(plan_of(phase, suites=suites), users=Users(("u1",)))).begin().starts()

    assert [record.act.holds for record in story.session.running] == [{"cart", "user:u1"}]


def test_a_suite_that_waits_for_a_slot_takes_no_user() -> None:
    assert users_of(three_suites(Users(("u1", "u2", "u3")), slots=1)) == {"1/one": "u1"}


def test_a_suite_that_was_adrift_keeps_its_user_and_nobody_else_gets_it() -> None:
    story = three_suites(Users(("u1", "u2"))).starts().end("one").starts().emit(SessionResumed("resume"))
    before = {record.act.id: record.act.user for record in story.session.adrift}

    assert before == {"1/two": "u2", "1/three": "u1"}
    assert users_of(story) == before


def test_after_the_remedy_for_a_shared_user_verifications_and_suites_have_users_of_their_own() -> None:
    suites = [suite("one"), suite("two")]
    phase = Phase("suites", "Suites", tuple(step(Kind.SUITE, each.id) for each in suites))
    users = Users(("u1", "u2", "u3"), UserMode.SHARED)
    story = Story(knowing(plan_of(phase, suites=suites, iterations=2), users=users)).begin().starts()
    story.emit(TestsCollected("1/one", ("a",))).emit(TestsObserved("1/one", (ended_test("a", TestOutcome.FAILED),), ()))
    story.end("one", Outcome.FAILED).end("two").diagnoses(leasing("r1", "one::a", "two::b")).cures("r1").begin()

    assert users_of(story) == {"2/verify-one": "u1", "2/verify-two": "u2"}
    assert users_of(story.does("verify-one").does("verify-two")) == {"2/one": "u1", "2/two": "u2"}
