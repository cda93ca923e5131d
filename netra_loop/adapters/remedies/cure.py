"""Kinds `cure` and `undo`: apply one remedy, or take it back, and leave the receipt that others read."""

from __future__ import annotations

from netra_loop.adapters.google_errors import errored
from netra_loop.adapters.remedies.code import CodeChanges
from netra_loop.core.errors import StorageError
from netra_loop.core.events import Act, HandleKnown
from netra_loop.core.knowledge import RemedyKind
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Kind
from netra_loop.core.problem import Receipt, Remedy
from netra_loop.core.remediation import applied, proposed
from netra_loop.core.seen import Result
from netra_loop.core.session import Iteration, Session
from netra_loop.ports import Say


class CureRunner:
    """Only what changes code does anything here: the next iteration deploys what is set, and leases the users."""

    def __init__(self, code: CodeChanges) -> None:
        self._code = code

    async def run(self, act: Act, session: Session, say: Say) -> Result:
        """PASSED with the receipt; FAILED where a change of code came to nothing, or needs a person."""
        iteration = session.iterations[act.iteration - 1]
        remedy = proposed(iteration, act.subject)
        say(HandleKnown(act.id, {"command": f"{remedy.kind.value} {remedy.change}"}))
        if not remedy.kind.changes_code:
            return Result(Outcome.PASSED, (), _receipt(remedy, session, iteration))
        try:
            return await self._code.make(act, session, remedy, say)
        except StorageError:
            raise
        except Exception as error:
            return errored(error, f"changing the code of {remedy.target}")


class UndoRunner:
    def __init__(self, code: CodeChanges) -> None:
        self._code = code

    async def run(self, act: Act, session: Session, say: Say) -> Result:
        """PASSED with the receipt: the next iteration works without it."""
        remedy = next(each for each in applied(session, act.iteration) if each.id == act.subject)
        say(HandleKnown(act.id, {"command": f"undo {remedy.kind.value} {remedy.change}"}))
        cured = _receipt_of(session, remedy)
        if not remedy.kind.changes_code:
            return Result(Outcome.PASSED, (), Receipt(remedy.id, cured.after, cured.before))
        try:
            return await self._code.take_back(act, session, cured)
        except Exception as error:
            return errored(error, f"taking back {cured.commit}")


def _receipt(remedy: Remedy, session: Session, iteration: Iteration) -> Receipt:
    if remedy.kind is not RemedyKind.LEASE_USERS:
        name = f"{remedy.target}.{remedy.variable}"
        return Receipt(remedy.id, {name: remedy.before or "(not set)"}, {name: remedy.after})
    users = session.plan.environment.users
    before = {f"user of {r.act.subject}": r.act.user for r in iteration.of_kind(Kind.SUITE)}
    after = {"users": f"one of {', '.join(users.pool if users else ())} for each suite that runs"}
    return Receipt(remedy.id, before, after)


def _receipt_of(session: Session, remedy: Remedy) -> Receipt:
    """What was noted when a remedy was applied."""
    results = (r.result for each in session.iterations for r in each.of_kind(Kind.CURE) if r.act.subject == remedy.id)
    return next(each.seen for each in results if each is not None and isinstance(each.seen, Receipt))
