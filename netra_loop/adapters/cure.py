"""Kind `cure`: apply one remedy and leave the receipt; whoever is changed by it reads it from the session."""

from __future__ import annotations

from typing import assert_never

from netra_loop.core.events import Act, HandleKnown
from netra_loop.core.knowledge import RemedyKind
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Kind
from netra_loop.core.problem import Receipt, Remedy
from netra_loop.core.remediation import proposed
from netra_loop.core.seen import Result
from netra_loop.core.session import Iteration, Session
from netra_loop.ports import Say


class CureRunner:
    """Neither kind touches the world by itself: the next iteration deploys the variable, and leases the users."""

    async def run(self, act: Act, session: Session, say: Say) -> Result:
        """PASSED with the receipt."""
        iteration = session.iterations[act.iteration - 1]
        remedy = proposed(iteration, act.subject)
        say(HandleKnown(act.id, {"command": f"{remedy.kind.value} {remedy.change}"}))
        return Result(Outcome.PASSED, (), _receipt(remedy, session, iteration))


def _receipt(remedy: Remedy, session: Session, iteration: Iteration) -> Receipt:
    match remedy.kind:
        case RemedyKind.SET_ENV:
            name = f"{remedy.target}.{remedy.variable}"
            return Receipt(remedy.id, {name: remedy.before or "(not set)"}, {name: remedy.after})
        case RemedyKind.LEASE_USERS:
            users = session.plan.environment.users
            before = {f"user of {r.act.subject}": r.act.user for r in iteration.of_kind(Kind.SUITE)}
            after = {"users": f"one of {', '.join(users.pool if users else ())} for each suite that runs"}
            return Receipt(remedy.id, before, after)
        case _:
            assert_never(remedy.kind)
