"""What to do next: a total function of the session. It asks no clock; time is the time of the last entry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from netra_loop.core.agenda import (
    SHIFTS,
    act_of,
    candidates,
    is_foreign,
    phases_over,
    ready_steps,
    shift_of,
    shifts_and_deploys,
    shifts_of,
)
from netra_loop.core.events import Act, Verdict
from netra_loop.core.outcome import Colour, Outcome
from netra_loop.core.plan import Kind, ResumeClass
from netra_loop.core.session import Iteration, Session
from netra_loop.core.verdict import conclude, failing, stopped

BUDGET_EXIT = 5
FOREIGN_EXIT = 9
UNKNOWN_EXIT = 7


@dataclass(frozen=True, slots=True)
class Begin:
    """Begin this iteration."""

    iteration: int


@dataclass(frozen=True, slots=True)
class Start:
    """Start this act; it is not running."""

    act: Act


@dataclass(frozen=True, slots=True)
class Stop:
    """End this running act early."""

    act_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing is left to do."""

    verdict: Verdict


Move = Begin | Start | Stop | Finish


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now, and when to ask again although nothing happened."""

    moves: tuple[Move, ...] = ()
    wake_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Halt:
    """Why the session goes no further, and the exit code that says so."""

    why: str
    exit_code: int


def decide(session: Session) -> Decision:
    """The moves that follow from what has happened; none while there is nothing to do but wait, or after the end."""
    if session.verdict is not None:
        return Decision()
    if session.current is None and not session.interrupted:
        return Decision((Begin(1),))
    halt = _halt(session)
    if halt is not None:
        return _halted(session, halt)
    deadline = _deadline(session)
    moves: tuple[Move, ...] = (*_fail_fast(session), *_starts(session))
    if moves or session.running:
        return Decision(moves, deadline)
    return Decision(_iteration_over(session), deadline)


def _halt(session: Session) -> _Halt | None:
    unknown = [record.act.step for record in session.adrift if record.act.resume is ResumeClass.ONCE]
    if unknown:
        return _Halt(f"nobody can know how {', '.join(unknown)} ended", UNKNOWN_EXIT)
    if session.interrupted:
        return _Halt("interrupted", 128 + session.interrupted)
    foreign = [r.act.subject for r in shifts_and_deploys(session.current) if is_foreign(r)]
    if foreign:
        return _Halt(f"somebody else changed {', '.join(foreign)}", FOREIGN_EXIT)
    if session.at >= _deadline(session):
        return _Halt("the time budget is spent", BUDGET_EXIT)
    return None


def _deadline(session: Session) -> datetime:
    """When the wall time is spent; the time in which nobody ran the session is not counted."""
    return session.opened + session.asleep + timedelta(seconds=session.plan.budget.wall)


def _halted(session: Session, halt: _Halt) -> Decision:
    """Stop what can be stopped, bring every traffic shift that was begun to its end, then finish."""
    adrift = tuple(Start(record.act) for record in session.adrift if record.act.kind in SHIFTS)
    stops = _stops(session, halt.why)
    if adrift or stops or session.running:
        return Decision((*adrift, *stops))
    iteration = session.current
    begun = iteration is not None and bool(shifts_of(iteration, Kind.PROMOTE))
    shifts = tuple(_shift_starts(session, iteration, promoting=begun)) if iteration else ()
    return Decision(shifts or (Finish(stopped(session, halt.why, halt.exit_code)),))


def _stops(session: Session, why: str) -> tuple[Stop, ...]:
    """A traffic shift is never cut in the middle: it is short, and half of it would leave the environment unknown."""
    return tuple(Stop(r.act.id, why) for r in session.running if not r.stop and r.act.kind not in SHIFTS)


def _fail_fast(session: Session) -> tuple[Stop, ...]:
    iteration = session.current
    if not session.plan.fail_fast or iteration is None:
        return ()
    ended = [record.result for record in iteration.acts.values() if record.result]
    if all(result.outcome is Outcome.PASSED for result in ended):
        return ()
    return tuple(stop for stop in _stops(session, "fail_fast") if not _always(session, stop.act_id))


def _always(session: Session, act_id: str) -> bool:
    return session.plan.phase_of(session.record(act_id).act.step).when.value == "always"


def _starts(session: Session) -> tuple[Start, ...]:
    """Acts that were adrift, then those whose phase may run, as far as slots and what they hold alone allow."""
    iteration = session.current
    if iteration is None:
        return ()
    waiting = [record.act for record in session.adrift]
    waiting += [act_of(session, iteration.number, step) for step in ready_steps(session, iteration)]
    if not waiting and not session.running and phases_over(session, iteration):
        return tuple(_shift_starts(session, iteration, promoting=conclude(session).colour is Colour.GREEN))
    return tuple(Start(act) for act in _that_fit(session, waiting))


def _that_fit(session: Session, waiting: list[Act]) -> Iterator[Act]:
    held = {held for record in session.running for held in record.act.holds}
    suites = sum(record.act.kind is Kind.SUITE for record in session.running)
    for act in waiting:
        is_suite = act.kind is Kind.SUITE
        if act.holds & held or (is_suite and suites >= session.plan.slots):
            continue
        held |= act.holds
        suites += is_suite
        yield act


def _shift_starts(session: Session, iteration: Iteration, *, promoting: bool) -> Iterator[Start]:
    """Promote what was deployed; once a promote did not pass, restore every target that had something to go back to."""
    promotes, restores = shifts_of(iteration, Kind.PROMOTE), shifts_of(iteration, Kind.RESTORE)
    deployed = candidates(session.plan, iteration)
    broken = any(r.result and r.result.outcome is not Outcome.PASSED for r in promotes.values())
    for each in deployed:
        if each.target in promotes and is_foreign(promotes[each.target]):
            continue
        had_traffic = any(share.percent for share in each.traffic_before)
        if broken and each.target in promotes and each.target not in restores and had_traffic:
            yield Start(shift_of(session, iteration.number, Kind.RESTORE, each.target))
        elif promoting and not broken and each.target not in promotes:
            yield Start(shift_of(session, iteration.number, Kind.PROMOTE, each.target))


def _iteration_over(session: Session) -> tuple[Move, ...]:
    """Finish on GREEN or UNSAFE, when iterations are spent, or when the failing set did not shrink; else go again."""
    verdict = conclude(session)
    number, allowed = len(session.iterations), session.plan.budget.iterations
    if verdict.colour in (Colour.GREEN, Colour.UNSAFE) or allowed == 1:
        return (Finish(verdict),)
    sizes = [len(failing(session, iteration)) for iteration in session.iterations]
    if number > 1 and sizes[-1] >= min(sizes[:-1]):
        return (Finish(stopped(session, "no progress", BUDGET_EXIT)),)
    if number >= allowed:
        return (Finish(stopped(session, "the iterations are spent", BUDGET_EXIT)),)
    return (Begin(number + 1),)
