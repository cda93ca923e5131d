"""What to do next: a total function of the session. It asks no clock; time is the time of the last entry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from netra_loop.core.acts import NETWORK, SHIFTS, follow_up, is_gradual
from netra_loop.core.agenda import (
    AFTERMATH,
    after_red,
    candidates,
    did_not_pass,
    has_way_back,
    is_foreign,
    phases_over,
    ready_acts,
    shifts_of,
)
from netra_loop.core.environment import RemedyMode, UserMode
from netra_loop.core.events import Act, Verdict
from netra_loop.core.foreign import foreign_changes
from netra_loop.core.ledger import RemedyState, is_useless, ledger
from netra_loop.core.outcome import Colour, Outcome
from netra_loop.core.plan import TESTING, Kind, ResumeClass, When
from netra_loop.core.remediation import user_mode
from netra_loop.core.session import Iteration, Session, cured
from netra_loop.core.verdict import conclude, failing, stopped

BUDGET_EXIT = 5
REVIEW_EXIT = 6
FOREIGN_EXIT = 9
UNKNOWN_EXIT = 7
_TAKES_SLOT = TESTING | {Kind.CONTROL}
_AWAY_FROM_TARGETS = frozenset(
    {Kind.CONTROL, Kind.LOGS, Kind.COMPLIANCE, Kind.DIAGNOSE, Kind.ASK, Kind.CURE, Kind.UNDO}
)


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
    if foreign := foreign_changes(session.current):
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
    shifts = tuple(Start(act) for act in _last_shifts(session, halt))
    return Decision(shifts or (_finish(session, stopped(session, halt.why, halt.exit_code)),))


def _last_shifts(session: Session, halt: _Halt) -> Iterator[Act]:
    """What is still to be shifted when a session is stopped: a promotion of what is proven goes on to its end.

    What got its traffic early and is not proven is taken back, except where the session may be resumed with it.
    """
    iteration = session.current
    if iteration is None:
        return
    proven = _was_proven(session, iteration)
    if proven or halt.exit_code in (BUDGET_EXIT, UNKNOWN_EXIT):
        yield from _shifts(session, iteration, promoting=proven)


def _stops(session: Session, why: str) -> tuple[Stop, ...]:
    """A traffic shift is never cut in the middle: it is short, and half of it would leave the environment unknown.

    One in stages ends between two of them.
    """
    plan = session.plan
    return tuple(
        Stop(r.act.id, why)
        for r in session.running
        if not r.stop and (r.act.kind not in SHIFTS or is_gradual(plan, r.act.kind, r.act.subject))
    )


def _fail_fast(session: Session) -> tuple[Stop, ...]:
    iteration = session.current
    if not session.plan.fail_fast or iteration is None:
        return ()
    if not any(did_not_pass(session.plan, record) for record in iteration.acts.values()):
        return ()
    return tuple(
        stop for stop in _stops(session, "fail_fast") if not _goes_on(session, session.record(stop.act_id).act)
    )


def _goes_on(session: Session, act: Act) -> bool:
    """Whether an act is wanted also after a failure."""
    always = {step.id for phase in session.plan.phases if phase.when is When.ALWAYS for step in phase.steps}
    return act.kind in AFTERMATH or act.step in always


def _starts(session: Session) -> tuple[Start, ...]:
    """Acts that were adrift, then those whose phase may run, as far as slots and what they hold alone allow."""
    iteration = session.current
    if iteration is None:
        return ()
    waiting = [record.act for record in session.adrift]
    waiting += ready_acts(session, iteration)
    if not waiting and not session.running and phases_over(session, iteration):
        waiting += _closing(session, iteration)
    return tuple(Start(act) for act in _that_fit(session, iteration, waiting))


def _closing(session: Session, iteration: Iteration) -> tuple[Act, ...]:
    """What follows when the phases are over: shift the traffic to what is proven, or see what can be done about red."""
    if undos := _undos(session, iteration):
        return undos
    is_green = conclude(session).colour is Colour.GREEN
    shifts = tuple(_shifts(session, iteration, promoting=is_green))
    if shifts or is_green or _was_proven(session, iteration):
        return shifts
    is_diagnosed = bool(iteration.of_kind(Kind.DIAGNOSE))
    return () if is_diagnosed and not _has_progress(session) else after_red(session, iteration)


def _undos(session: Session, iteration: Iteration) -> tuple[Act, ...]:
    """What this iteration has shown to be of no use, or to break something, is taken back."""
    begun = {record.act.subject for record in iteration.of_kind(Kind.UNDO)}
    useless = (line.remedy.id for line in ledger(session) if is_useless(line, iteration.number))
    return tuple(follow_up(session, iteration.number, Kind.UNDO, remedy) for remedy in useless if remedy not in begun)


def _was_proven(session: Session, iteration: Iteration) -> bool:
    """Whether everything had passed, so that the promotion that ends an iteration began."""
    return any(not session.plan.promotes_early(target) for target in shifts_of(iteration, Kind.PROMOTE))


def _that_fit(session: Session, iteration: Iteration, waiting: list[Act]) -> Iterator[Act]:
    """Those for which slots, what they hold alone and a test user are free; a user once given stays with its act."""
    held = {held for record in session.running for held in record.act.holds}
    suites = sum(record.act.kind in _TAKES_SLOT for record in session.running)
    met = any(record.act.kind not in _AWAY_FROM_TARGETS for record in session.running)
    tests = any(record.act.kind in TESTING for record in session.running)
    shifting = any(record.act.kind in SHIFTS for record in session.running)
    for each in waiting:
        act = _with_user(session, iteration, each, held) if each.kind in TESTING and not each.user else each
        takes_slot = each.kind in _TAKES_SLOT
        meets = each.kind not in _AWAY_FROM_TARGETS
        if act is None or act.holds & held or (takes_slot and suites >= session.plan.slots):
            continue
        if meets and (NETWORK in held or (NETWORK in act.holds and met)):
            continue
        if (act.kind in SHIFTS and tests) or (act.kind in TESTING and shifting):
            continue  # tests that ran while traffic moved would have met nobody knows whom
        tests |= act.kind in TESTING
        shifting |= act.kind in SHIFTS
        held |= act.holds
        suites += takes_slot
        met |= meets
        yield act


def _with_user(session: Session, iteration: Iteration, act: Act, held: set[str]) -> Act | None:
    """The act with a test user: the first that nobody holds, or the one that all share; None while there is none."""
    users = session.plan.environment.users
    if users is None:
        return act
    if user_mode(session, iteration.number) is UserMode.SHARED:
        return replace(act, user=users.pool[0])
    free = next((user for user in users.pool if f"user:{user}" not in held), None)
    return None if free is None else replace(act, user=free, holds=act.holds | {f"user:{free}"})


def _shifts(session: Session, iteration: Iteration, *, promoting: bool) -> Iterator[Act]:
    """Promote what was deployed; once that is not wanted, or did not pass, restore what had something to go back to."""
    promotes, restores = shifts_of(iteration, Kind.PROMOTE), shifts_of(iteration, Kind.RESTORE)
    broken = any(r.result and r.result.outcome is not Outcome.PASSED for r in promotes.values())
    for each in candidates(session.plan, iteration):
        if each.target in promotes and is_foreign(promotes[each.target]):
            continue
        if promoting and not broken:
            if each.target not in promotes:
                yield follow_up(session, iteration.number, Kind.PROMOTE, each.target)
        elif each.target in promotes and each.target not in restores and has_way_back(each):
            yield follow_up(session, iteration.number, Kind.RESTORE, each.target)


def _iteration_over(session: Session) -> tuple[Move, ...]:
    """Go again only after something was changed; else finish, and say why when more was asked for than one pass."""
    verdict = conclude(session)
    number, allowed = len(session.iterations), session.plan.budget.iterations
    if verdict.colour in (Colour.GREEN, Colour.UNSAFE):
        return (_finish(session, verdict),)
    if cured(session.iterations[-1]):
        return (Begin(number + 1),)
    return (_finish(session, _given_up(session, verdict, number, allowed)),)


def _given_up(session: Session, verdict: Verdict, number: int, allowed: int) -> Verdict:
    if not _has_progress(session):
        return stopped(session, "no progress", BUDGET_EXIT)
    if 1 < allowed <= number:
        return stopped(session, "the iterations are spent", BUDGET_EXIT)
    if verdict.colour is Colour.RED and allowed > 1 and session.plan.remedies is not RemedyMode.OFF:
        return stopped(session, "not repaired", BUDGET_EXIT)
    return verdict


def _finish(session: Session, verdict: Verdict) -> Finish:
    """The end; where a remedy needs a person it says so, unless something worse does."""
    waiting = [line.remedy.id for line in ledger(session) if line.state is RemedyState.NEEDS_REVIEW]
    if not waiting or verdict.exit_code > REVIEW_EXIT:
        return Finish(verdict)
    reason = f"a person must look at {', '.join(waiting)}; {verdict.reason}"
    return Finish(replace(verdict, reason=reason, exit_code=REVIEW_EXIT))


def _has_progress(session: Session) -> bool:
    """Whether the newest iteration has fewer failures than the best before it; the first always does."""
    sizes = [len(failing(session, iteration)) for iteration in session.iterations]
    return len(sizes) == 1 or sizes[-1] < min(sizes[:-1])
