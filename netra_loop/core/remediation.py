"""Which remedies a session knows, which it may apply, and what those it has applied change. Pure questions."""

from __future__ import annotations

from collections.abc import Iterator

from netra_loop.core.knowledge import RemedyKind, Seat
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Kind, RemedyMode, UserMode
from netra_loop.core.problem import Remedy
from netra_loop.core.session import ActRecord, Iteration, Session, cured, diagnosed
from netra_loop.core.target import Target

GOES_FIRST = "another remedy for some of the same tests goes first"
SAME_VARIABLE = "another remedy for the same variable goes first"


def proposed(iteration: Iteration, remedy_id: str) -> Remedy:
    """The remedy of that id in an iteration's diagnosis."""
    found = diagnosed(iteration)
    return next(remedy for remedy in (found.remedies if found else ()) if remedy.id == remedy_id)


def applied(session: Session, number: int) -> tuple[Remedy, ...]:
    """The remedies that an iteration works with: those applied before it began."""
    return tuple(remedy for each in session.iterations[: number - 1] for remedy in cured(each))


def changes_of(session: Session, number: int, target: str) -> tuple[Remedy, ...]:
    """The applied remedies that change what an iteration deploys for a target; of one variable the newest counts."""
    ours = [r for r in applied(session, number) if r.kind is RemedyKind.SET_ENV and r.target == target]
    return tuple({remedy.variable: remedy for remedy in ours}.values())


def variables_of(session: Session, number: int, target: str) -> dict[str, str | None]:
    """What an iteration tells a target: where its dependencies are, its declared variables, changed by remedies."""
    changed = {remedy.variable: remedy.after for remedy in changes_of(session, number, target)}
    return declared_variables(session.plan.environment.target(target)) | changed


def declared_variables(target: Target) -> dict[str, str | None]:
    """What a target is told before anything is repaired: where its dependencies are, and its declared variables."""
    addresses = {each.variable: each.address for each in target.dependencies if each.variable}
    return addresses | dict(target.env)


def user_mode(session: Session, number: int) -> UserMode | None:
    """How an iteration shares its test users; None in an environment without any."""
    users = session.plan.environment.users
    if users is None:
        return None
    leased = any(remedy.kind is RemedyKind.LEASE_USERS for remedy in applied(session, number))
    return UserMode.EXCLUSIVE if leased else users.mode


def to_verify(session: Session, iteration: Iteration) -> dict[str, tuple[str, ...]]:
    """The tests that the remedies applied just before an iteration are to turn green, by suite in focus."""
    if iteration.number == 1:
        return {}
    in_focus = {s.subject for s in session.plan.steps if s.kind is Kind.SUITE and s.id in session.plan.selected}
    names = sorted({name for remedy in cured(session.iterations[iteration.number - 2]) for name in remedy.tests})
    suites = dict.fromkeys(name.suite for name in names if name.suite in in_focus)
    return {suite: tuple(name.test for name in names if name.suite == suite) for suite in suites}


def chosen(session: Session, iteration: Iteration) -> tuple[Remedy, ...]:
    """The remedies of an iteration's diagnosis that may be applied together."""
    return tuple(remedy for remedy, reason in considered(session, iteration) if not reason)


def is_agreed(session: Session, iteration: Iteration, remedy: Remedy) -> bool:
    """Whether a remedy may be applied without asking, or a person agreed to it."""
    asked = answer_to(iteration, remedy)
    agreed = asked is not None and asked.result is not None and asked.result.outcome is Outcome.PASSED
    return agreed or session.plan.remedies is not RemedyMode.ASK


def considered(session: Session, iteration: Iteration) -> Iterator[tuple[Remedy, str]]:
    """Every remedy of an iteration's diagnosis, and why it is not to be applied; empty where it is.

    Of two for some of the same tests, or for one variable, the first goes first; what a person declined is in nobody's
    way.
    """
    found = diagnosed(iteration)
    tried = applied(session, iteration.number)
    left = session.plan.budget.remedies - len(tried)
    taken: set[object] = set()
    for remedy in found.remedies if found else ():
        reason = remedy.refusal or _obstacle(session, iteration, remedy, tried)
        place = (remedy.kind, remedy.target, remedy.variable)
        if not reason and taken & set(remedy.tests):
            reason = GOES_FIRST
        if not reason and place in taken:
            reason = SAME_VARIABLE
        if not reason and left <= 0:
            reason = "the remedies of the budget are spent"
        if not reason:
            taken |= {place, *remedy.tests}
            left -= 1
        yield remedy, reason


def _obstacle(session: Session, iteration: Iteration, remedy: Remedy, tried: tuple[Remedy, ...]) -> str:
    plan = session.plan
    if plan.remedies is RemedyMode.OFF:
        return "remedies are off"
    if any(remedy.changes_the_same(other) for other in tried):
        return "it was applied before and its tests are red again"
    deployed = {step.subject for step in plan.steps if step.kind is Kind.DEPLOY and step.id in plan.selected}
    if remedy.kind.seat is Seat.SERVICE and remedy.target not in deployed:
        return f"{remedy.target} is not deployed in this session"
    if iteration.number >= plan.budget.iterations:
        return "no iteration is left to verify it in"
    return refusal_of(iteration, remedy)


def refusal_of(iteration: Iteration, remedy: Remedy) -> str:
    """Why a person who was asked did not agree to a remedy; empty while nobody refused."""
    asked = answer_to(iteration, remedy)
    if asked is None or asked.result is None or asked.result.outcome is Outcome.PASSED:
        return ""
    return "; ".join(asked.result.reasons)


def answer_to(iteration: Iteration, remedy: Remedy) -> ActRecord | None:
    """What a person was asked about a remedy, None while nobody was."""
    return next((r for r in iteration.of_kind(Kind.ASK) if r.act.subject == remedy.id), None)
