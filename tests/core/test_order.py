"""Suites that were red last time go first, within their priority; the plan decides everything else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netra_loop.core.past import Past, SuitePast
from netra_loop.core.plan import Kind, Phase
from netra_loop.core.policy import Start, decide
from tests.stories import Story, plan_of, step, suite

SUITES = (suite("a"), suite("b"), suite("x", "P2"), suite("c"), suite("y", "P2"))
STEPS = tuple(step(Kind.SUITE, each.id) for each in SUITES)
PLAN = replace(plan_of(Phase("all", "All", STEPS), suites=SUITES), slots=len(SUITES))


def past(**marks: str) -> Past:
    """The marks of the one test of each suite, the newest first."""
    return Past(
        suites=tuple(SuitePast(name, tuple(f"s-{n}" for n in range(len(m))), {"t": m}) for name, m in marks.items())
    )


@pytest.mark.parametrize(
    ("known", "order"),
    [
        (Past(), "abxcy"),
        (past(a=".", b=".", c="F"), "caxby"),
        (past(b="F", c="F"), "bcxay"),
        (past(y="R"), "abycx"),
        (past(b="~."), "baxcy"),
        (past(b=".F"), "abxcy"),
        (past(a="F", b="F", c="F", x="F", y="F"), "abxcy"),
    ],
    ids=["unknown", "one red", "two red", "a remedy was needed", "a retry was needed", "red before", "all red"],
)
def test_the_suites_that_were_red_last_time_go_first_within_their_priority(known: Past, order: str) -> None:
    moves = decide(Story(PLAN, past=known).begin().session).moves

    assert "".join(move.act.subject for move in moves if isinstance(move, Start)) == order
