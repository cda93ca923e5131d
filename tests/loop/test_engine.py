"""The loop in a world of small runners: what it starts, what it makes of how they end, and what ends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import anyio
import pytest
from anyio.abc import TaskStatus

from netra_loop.core.errors import StorageError
from netra_loop.core.events import (
    Act,
    ActEnded,
    ActStarted,
    Entry,
    Event,
    HandleKnown,
    Interrupted,
    ReaderUnplugged,
    SessionFinished,
    SessionResumed,
    StopAsked,
    Ticked,
    Verdict,
)
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Kind, Phase, Plan
from netra_loop.core.seen import Result
from netra_loop.core.session import Session, replay
from netra_loop.engine import PATIENCE, Engine
from netra_loop.ports import Runner, Say
from netra_loop.stream import Stream
from tests.loop.world import MemoryJournal, Notebook, WallClock, World, exits, opening, well
from tests.stories import fail_fast, plan_of, step, suite, usual_plan

LIMIT = 20.0  # seconds; a loop that does not end is a failure
USUAL = ["deploy-backend", "health-backend", "p1", "events", "logs-backend", "promote-backend"]


def engine_of(journal: MemoryJournal, world: World, *readers: Notebook, plan: Plan | None = None) -> Engine:
    """An engine on a session that is opened if the journal is empty, and else taken up."""
    clock = WallClock()
    stream = Stream(journal, clock, str, readers)
    stream.emit(SessionResumed("resume") if stream.is_open else opening(plan or usual_plan()))
    return Engine(stream, world.runners, clock)


def run(journal: MemoryJournal, world: World, *readers: Notebook, plan: Plan | None = None) -> Verdict:
    engine = engine_of(journal, world, *readers, plan=plan)

    async def limited() -> Verdict:
        with anyio.fail_after(LIMIT):
            return await engine.run()
        raise AssertionError("fail_after raises or lets return")

    return anyio.run(limited)


def session_of(journal: MemoryJournal) -> Session:
    session = replay(journal.kept)
    assert session is not None
    return session


def result_of(journal: MemoryJournal, step_id: str) -> Result:
    result = session_of(journal).record(f"1/{step_id}").result
    assert result is not None
    return result


def started(journal: MemoryJournal) -> list[str]:
    return [event.act.step for event in journal.events if isinstance(event, ActStarted)]


def two_suites() -> Plan:
    suites = [suite("one"), suite("two")]
    phase = Phase("suites", "Suites", tuple(step(Kind.SUITE, each.id) for each in suites))
    return plan_of(phase, suites=suites)


async def forever(act: Act, session: Session, say: Say) -> Result:
    await anyio.sleep_forever()
    raise AssertionError("nothing wakes it")


async def fails(act: Act, session: Session, say: Say) -> Result:
    return Result(Outcome.FAILED, ("it is wrong",))


def test_a_plan_is_run_to_its_verdict_in_its_order() -> None:
    journal, world = MemoryJournal(), World()

    assert exits(run(journal, world)) == ("GREEN", 0)
    assert world.steps == started(journal) == USUAL
    assert isinstance(journal.events[-1], SessionFinished)


def test_an_act_is_announced_before_it_runs_and_its_end_is_told_before_what_needs_it_begins() -> None:
    journal = MemoryJournal()
    told: list[tuple[str, type[Event], str]] = []

    async def look(act: Act, session: Session, say: Say) -> Result:
        last = journal.events[-1]
        assert isinstance(last, ActStarted)
        told.append((act.step, type(journal.events[-2]), last.act.id))
        return await well(act, session, say)

    run(journal, World(health_backend=look, p1=look))

    assert told == [("health-backend", ActEnded, "1/health-backend"), ("p1", ActEnded, "1/p1")]


def test_a_runner_is_given_the_session_that_includes_its_start() -> None:
    given: list[int] = []

    async def look(act: Act, session: Session, say: Say) -> Result:
        given.append(session.record(act.id).attempt)
        assert say(HandleKnown(act.id, {"pid": "7"})).record(act.id).handle == {"pid": "7"}
        return await well(act, session, say)

    assert exits(run(MemoryJournal(), World(deploy_backend=look))) == ("GREEN", 0)
    assert given == [1]


def test_what_needs_nothing_of_each_other_runs_at_the_same_time() -> None:
    meeting: list[str] = []

    async def meets(act: Act, session: Session, say: Say) -> Result:
        meeting.append(act.step)
        while len(meeting) < 2:
            await anyio.sleep(0.001)
        return await well(act, session, say)

    assert exits(run(MemoryJournal(), World(one=meets, two=meets), plan=two_suites())) == ("GREEN", 0)
    assert sorted(meeting) == ["one", "two"]


def test_two_that_hold_the_same_thing_never_run_at_the_same_time() -> None:
    suites = [suite(name, exclusive=("user",)) for name in ("one", "two", "three")]
    phase = Phase("suites", "Suites", tuple(step(Kind.SUITE, each.id) for each in suites))
    inside: list[str] = []

    async def alone(act: Act, session: Session, say: Say) -> Result:
        inside.append(act.step)
        assert inside == [act.step]
        await anyio.sleep(0.005)
        inside.remove(act.step)
        return await well(act, session, say)

    world = World(one=alone, two=alone, three=alone)
    assert exits(run(MemoryJournal(), world, plan=plan_of(phase, suites=suites))) == ("GREEN", 0)
    assert world.steps == ["one", "two", "three"]


def test_a_bad_target_is_a_red_verdict() -> None:
    journal, world = MemoryJournal(), World(health_backend=fails)

    assert exits(run(journal, world)) == ("RED", 1)
    assert world.steps == ["deploy-backend", "health-backend", "logs-backend"]


async def raises_a_bug(act: Act, session: Session, say: Say) -> Result:
    raise KeyError("colour")


async def raises_a_bug_in_a_group(act: Act, session: Session, say: Say) -> Result:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(raises_a_bug, act, session, say)
    raise AssertionError("the group raises")


async def recurses(act: Act, session: Session, say: Say) -> Result:
    return await recurses(act, session, say)


async def tells_of_an_act_that_is_none(act: Act, session: Session, say: Say) -> Result:
    say(HandleKnown("9/nothing", {}))
    raise AssertionError("that raises")


BUGS = {
    "a bug": (raises_a_bug, "bug in the runner of health: KeyError: 'colour'"),
    "a bug in a group of tasks": (raises_a_bug_in_a_group, "bug in the runner of health: KeyError: 'colour'"),
    "a recursion without end": (recurses, "bug in the runner of health: RecursionError: "),
    "an event of an unknown act": (tells_of_an_act_that_is_none, "bug in the runner of health: "),
}


@pytest.mark.parametrize(("doing", "reason"), BUGS.values(), ids=BUGS)
def test_a_runner_s_own_bug_is_an_error_not_a_failure_and_the_session_goes_on(
    doing: Callable[..., object], reason: str
) -> None:
    journal = MemoryJournal()
    verdict = run(journal, World(health_backend=doing))  # type: ignore[arg-type]

    assert exits(verdict) == ("ERROR", 4)
    result = result_of(journal, "health-backend")
    assert result.outcome is Outcome.ERRORED
    assert result.reasons[0].startswith(reason)
    assert started(journal)[-1] == "logs-backend"


def test_a_kind_without_a_runner_is_an_error() -> None:
    journal, world, clock = MemoryJournal(), World(), WallClock()
    stream = Stream(journal, clock, str)
    stream.emit(opening(usual_plan()))
    runners: dict[Kind, Runner] = {kind: world for kind in Kind if kind is not Kind.HEALTH}

    assert exits(anyio.run(Engine(stream, runners, clock).run)) == ("ERROR", 4)


def with_timeout(plan: Plan, step_id: str, seconds: float) -> Plan:
    phases = tuple(
        replace(phase, steps=tuple(replace(s, timeout=seconds) if s.id == step_id else s for s in phase.steps))
        for phase in plan.phases
    )
    return replace(plan, phases=phases)


def test_an_act_that_does_not_end_by_itself_gets_an_end() -> None:
    journal = MemoryJournal()
    world = World(health_backend=forever)
    verdict = run(journal, world, plan=with_timeout(usual_plan(), "health-backend", 0.05 - PATIENCE))

    assert exits(verdict) == ("ERROR", 4)
    assert result_of(journal, "health-backend") == Result(Outcome.ERRORED, ("timed_out",))
    assert "health-backend" in world.ended


@pytest.mark.parametrize("number", range(2, 21))
def test_when_an_event_cannot_be_kept_the_loop_ends_with_that_error_and_nothing_more_is_begun(number: int) -> None:
    whole = MemoryJournal()
    run(whole, World())
    assert len(whole.kept) == 20, "the numbers above are those of all its entries"

    journal, world = MemoryJournal(fails_at=number), World()
    with pytest.raises(StorageError, match=f"no space for entry {number}"):
        run(journal, world)

    assert len(journal.kept) == number - 1
    assert journal.asked == number, "it is not tried again"
    assert world.steps == started(journal), "what could not be announced was not begun"


async def tells_in_a_group(act: Act, session: Session, say: Say) -> Result:
    async def tell() -> None:
        say(HandleKnown(act.id, {"pid": "1"}))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tell)
    return await well(act, session, say)


async def swallows_every_error(act: Act, session: Session, say: Say) -> Result:
    try:
        say(HandleKnown(act.id, {"pid": "1"}))
    except Exception as error:
        return Result(Outcome.ERRORED, (str(error),))
    return await well(act, session, say)


async def cannot_keep_its_output(act: Act, session: Session, say: Say) -> Result:
    async def keep() -> None:
        raise StorageError("no space for entry 4")

    async with anyio.create_task_group() as outer, anyio.create_task_group() as inner:
        outer.start_soon(anyio.sleep_forever)
        inner.start_soon(keep)
    raise AssertionError("the group raises")


@pytest.mark.parametrize(
    "doing",
    [tells_in_a_group, swallows_every_error, cannot_keep_its_output],
    ids=lambda doing: doing.__name__.replace("_", " "),
)
def test_a_runner_cannot_hide_that_something_was_not_kept(doing: Callable[..., object]) -> None:
    fails_at = 0 if doing is cannot_keep_its_output else 4
    journal = MemoryJournal(fails_at=fails_at)
    world = World(deploy_backend=doing)  # type: ignore[arg-type]

    with pytest.raises(StorageError, match="no space for entry 4"):
        run(journal, world)
    assert world.steps == ["deploy-backend"]
    assert len(journal.kept) == 3


def test_others_that_run_are_cancelled_when_an_event_cannot_be_kept() -> None:
    journal, world = MemoryJournal(fails_at=5), World(one=forever)

    with pytest.raises(StorageError):
        run(journal, world, plan=two_suites())
    assert sorted(world.ended) == ["one", "two"]


def test_fail_fast_stops_the_others_and_tells_why() -> None:
    journal, world = MemoryJournal(), World(one=fails, two=forever)
    verdict = run(journal, world, plan=fail_fast(two_suites()))

    assert exits(verdict) == ("RED", 1)
    assert StopAsked("1/two", "fail_fast") in journal.events
    assert result_of(journal, "two") == Result(Outcome.INCOMPLETE, ("stopped",))
    assert "two" in world.ended


def test_what_a_stopped_runner_says_of_itself_is_kept() -> None:
    own = Result(Outcome.INCOMPLETE, ("stopped", "one test was running"))

    async def cleans_up(act: Act, session: Session, say: Say) -> Result:
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            say(HandleKnown(act.id, {"ended_by": "stop"}))
            return own
        raise AssertionError("nothing wakes it")

    journal = MemoryJournal()
    run(journal, World(one=fails, two=cleans_up), plan=fail_fast(two_suites()))

    assert result_of(journal, "two") == own
    assert session_of(journal).record("1/two").handle == {"ended_by": "stop"}


def test_when_the_time_is_spent_what_runs_is_stopped() -> None:
    journal, world = MemoryJournal(), World(health_backend=forever)
    verdict = run(journal, world, plan=usual_plan(wall=0.2))

    assert exits(verdict) == ("INCOMPLETE", 5)
    assert StopAsked("1/health-backend", "the time budget is spent") in journal.events
    assert any(isinstance(event, Ticked) for event in journal.events)
    assert world.steps == world.ended == ["deploy-backend", "health-backend"]


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143), (1, 129)])
def test_a_signal_stops_what_runs_and_is_the_exit_code(number: int, code: int) -> None:
    async def interrupted(act: Act, session: Session, say: Say) -> Result:
        say(Interrupted(number))
        return await forever(act, session, say)

    journal, world = MemoryJournal(), World(health_backend=interrupted)

    assert exits(run(journal, world)) == ("INCOMPLETE", code)
    assert world.steps == world.ended == ["deploy-backend", "health-backend"], "nothing is begun after it"


def test_a_signal_from_outside_wakes_a_loop_that_waits() -> None:
    journal, world = MemoryJournal(), World(health_backend=forever)
    clock = WallClock()
    stream = Stream(journal, clock, str)
    stream.emit(opening(usual_plan()))

    async def main() -> Verdict:
        async with anyio.create_task_group() as tasks:

            async def signals() -> None:
                while "health-backend" not in world.steps:
                    await anyio.sleep(0.001)
                stream.emit(Interrupted(2))

            tasks.start_soon(signals)
            with anyio.fail_after(LIMIT):
                return await Engine(stream, world.runners, clock).run()
        raise AssertionError("it returns or raises")

    assert exits(anyio.run(main)) == ("INCOMPLETE", 130)


def test_a_promote_is_not_cut_in_the_middle_by_a_signal() -> None:
    async def slow(act: Act, session: Session, say: Say) -> Result:
        say(Interrupted(2))
        await anyio.sleep(0.05)
        return await well(act, session, say)

    journal, world = MemoryJournal(), World(promote_backend=slow)

    assert exits(run(journal, world)) == ("INCOMPLETE", 130)
    assert result_of(journal, "promote-backend").outcome is Outcome.PASSED


def test_a_promote_that_fails_is_followed_by_a_restore() -> None:
    journal, world = MemoryJournal(), World(promote_backend=fails)

    assert exits(run(journal, world)) == ("RED", 1)
    assert world.steps[-2:] == ["promote-backend", "restore-backend"]


def prefixes() -> list[list[Entry]]:
    """Every place at which a whole session can die, from its opening on."""
    journal = MemoryJournal()
    run(journal, World())
    return [journal.kept[:length] for length in range(1, len(journal.kept))]


@pytest.mark.parametrize("survived", prefixes(), ids=lambda survived: f"after {len(survived)} entries")
def test_a_session_that_died_anywhere_is_taken_up_with_the_same_keys_and_ends_the_same(survived: list[Entry]) -> None:
    before = replay(survived)
    assert before is not None
    done = {r.act.step for i in before.iterations for r in i.acts.values() if r.result}
    under_way = [r.act for r in before.running]
    journal, world = MemoryJournal(survived), World()

    assert exits(run(journal, world)) == ("GREEN", 0)
    assert world.steps == [each for each in USUAL if each not in done], "what was done is not done again"
    assert world.runs[: len(under_way)] == under_way, "what was under way is taken up first, under its own key"
    for act in under_way:
        assert session_of(journal).record(act.id).attempt == 2


def test_an_act_that_may_run_only_once_is_not_taken_up() -> None:
    plan = plan_of(Phase("run", "Run", (step(Kind.RUN, "", step_id="migrate", argv=("true",)),)))
    first = MemoryJournal(fails_at=4)
    with pytest.raises(StorageError):
        run(first, World(), plan=plan)
    journal, world = MemoryJournal(first.kept), World()

    assert exits(run(journal, world)) == ("INCOMPLETE", 7)
    assert world.steps == []


def test_readers_follow_the_session_to_its_end() -> None:
    journal, often, seldom = MemoryJournal(), Notebook("often"), Notebook("seldom", interval=1000.0)
    run(journal, World(), often, seldom)

    assert often.seen == seldom.seen == journal.kept
    assert seldom.readings <= 3, "before the first move, once in its time, and at the end"


def test_a_reader_sees_what_runs_while_it_runs() -> None:
    reader = Notebook()

    async def waits_to_be_seen(act: Act, session: Session, say: Say) -> Result:
        while not any(isinstance(event, ActStarted) and event.act == act for event in reader.events):
            await anyio.sleep(0.001)
        return await well(act, session, say)

    assert exits(run(MemoryJournal(), World(p1=waits_to_be_seen), reader)) == ("GREEN", 0)


def test_a_reader_is_not_shown_more_often_than_it_wants() -> None:
    reader = Notebook(interval=0.05)

    async def chatters(act: Act, session: Session, say: Say) -> Result:
        for number in range(100):
            say(HandleKnown(act.id, {"number": str(number)}))
            await anyio.sleep(0.002)
        return await well(act, session, say)

    run(MemoryJournal(), World(p1=chatters), reader)

    assert len(reader.seen) > 100
    assert reader.readings < 40


@pytest.mark.parametrize("at", [ActStarted, ActEnded, SessionFinished], ids=lambda at: at.__name__)
def test_a_reader_that_breaks_changes_no_verdict_and_is_named(at: type[Event]) -> None:
    journal, torn, whole = MemoryJournal(), Notebook("live", breaks_at=at), Notebook("worklog")

    assert exits(run(journal, World(), torn, whole)) == ("GREEN", 0)
    assert session_of(journal).unplugged == (ReaderUnplugged("live", "RuntimeError: live is torn"),)
    assert whole.seen == journal.kept
    assert any(isinstance(event, at) for event in torn.events)


def test_readers_are_told_how_far_it_came_when_it_cannot_go_on() -> None:
    journal, reader = MemoryJournal(fails_at=6), Notebook()
    with pytest.raises(StorageError):
        run(journal, World(), reader)

    assert reader.seen == journal.kept


def test_nothing_is_left_running_when_the_loop_itself_is_cancelled() -> None:
    journal, world = MemoryJournal(), World(deploy_backend=forever)
    engine = engine_of(journal, world)

    async def main() -> None:
        async with anyio.create_task_group() as tasks:

            async def running(*, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
                task_status.started()
                await engine.run()

            await tasks.start(running)
            while not world.runs:
                await anyio.sleep(0.001)
            tasks.cancel_scope.cancel()

    anyio.run(main)

    assert world.ended == ["deploy-backend"]
    assert session_of(journal).record("1/deploy-backend").running, "it is found adrift when the session is taken up"
