"""Whether what the session before has verified still holds, before this one repairs anything itself."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from netra_loop.core.events import Repair
from netra_loop.core.ledger import RemedyState, counts, ledger, tests_of
from netra_loop.core.outcome import RED_OUTCOMES
from netra_loop.core.plan import Kind
from netra_loop.core.problem import TestName
from netra_loop.core.session import Session


class Holding(Enum):
    """HOLDS: all its tests pass with proof. BROKEN: one of them is red. UNKNOWN: they have not all been looked at."""

    HOLDS = "holds"
    BROKEN = "broken"
    UNKNOWN = "unknown"


def repairs_of(session: Session) -> tuple[Repair, ...]:
    """What a session has verified, for the next one to look at again."""
    verified = (line.remedy for line in ledger(session) if line.state is RemedyState.VERIFIED)
    return tuple(Repair(remedy.change, remedy.tests) for remedy in verified)


def held(session: Session) -> Iterator[tuple[Repair, Holding, tuple[TestName, ...]]]:
    """Every repair of the session before, whether it holds, and which of its tests are red.

    None of another environment. By the first iteration: what comes after it may be the work of remedies of this one.
    """
    before = session.before
    if before is None or before.environment != session.plan.environment.name:
        return
    tests = tests_of(session, session.iterations[0], Kind.SUITE) if session.iterations else {}
    for repair in before.repairs:
        red = tuple(name for name in repair.tests if name in tests and tests[name].outcome in RED_OUTCOMES)
        holds = bool(repair.tests) and all(name in tests and counts(tests[name]) for name in repair.tests)
        yield repair, Holding.BROKEN if red else Holding.HOLDS if holds else Holding.UNKNOWN, red
