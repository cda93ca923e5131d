"""What a focus selects, and what a gate forgives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netra_loop.core.errors import UsageError
from netra_loop.core.gate import Tolerance
from netra_loop.core.plan import Kind, Phase, Plan
from tests.stories import plan_of, step, suite, usual_plan


def chain() -> Plan:
    """deploy -> health -> smoke (a suite and a check) -> full."""
    return plan_of(
        Phase("deploy", "Deploy", (step(Kind.DEPLOY, "backend"),)),
        Phase("health", "Health", (step(Kind.HEALTH, "backend"),), ("deploy",)),
        Phase("smoke", "Smoke", (step(Kind.SUITE, "quick", "P1"), step(Kind.WEBSOCKET, "backend")), ("health",)),
        Phase("full", "Full", (step(Kind.SUITE, "slow", "P2"), step(Kind.SUITE, "other", "P2")), ("smoke",)),
        Phase("logs", "Logs", (step(Kind.LOGS, "backend"),)),
        suites=(suite("quick"), suite("slow", "P2"), suite("other", "P2")),
    )


EVERYTHING = {"deploy-backend", "health-backend", "quick", "websocket-backend", "slow", "other", "logs-backend"}
FOCUS: dict[str, tuple[str, set[str]]] = {
    "all": ("all", EVERYTHING),
    "all and more": ("quick, all", EVERYTHING),
    "the first phase needs nothing": ("deploy", {"deploy-backend"}),
    "needs are transitive": ("quick", {"quick", "deploy-backend", "health-backend"}),
    "a needed phase's suites are no precondition, its other steps are": (
        "slow",
        {"slow", "deploy-backend", "health-backend", "websocket-backend"},
    ),
    "a priority": ("P2", {"slow", "other", "deploy-backend", "health-backend", "websocket-backend"}),
    "a kind": ("logs", {"logs-backend"}),
    "two words with a blank": (
        "quick, slow",
        {"quick", "slow", "deploy-backend", "health-backend", "websocket-backend"},
    ),
}


@pytest.mark.parametrize(("focus", "selected"), FOCUS.values(), ids=FOCUS)
def test_a_focus_selects_what_it_names_and_what_that_needs(focus: str, selected: set[str]) -> None:
    assert chain().focused(focus).selected == selected


@pytest.mark.parametrize(
    ("focus", "named"),
    [
        ("nonsense", "nonsense"),
        ("all,nonsense", "nonsense"),
        ("nonsense,all", "nonsense"),
        ("quick,nonsense,more", "nonsense, more"),
        ("", r"\(nothing\)"),
        ("quick,", r"\(nothing\)"),
        (" ", r"\(nothing\)"),
        ("QUICK", "QUICK"),
    ],
)
def test_a_focus_that_names_nothing_known_is_refused(focus: str, named: str) -> None:
    with pytest.raises(UsageError, match=f"--focus names nothing known: {named}$"):
        chain().focused(focus)


@pytest.mark.parametrize("focus", ["all", "quick", "deploy"])
def test_without_deploys_no_focus_selects_one(focus: str) -> None:
    selected = replace(chain(), deploys=False).focused(focus).selected

    assert "deploy-backend" not in selected
    assert selected == chain().focused(focus).selected - {"deploy-backend"}


def test_the_plan_remembers_its_focus_as_it_understood_it() -> None:
    assert usual_plan().focused(" p1 , P2").focus == "p1,P2"
    assert usual_plan().focused("p1,all").focus == "all"


@pytest.mark.parametrize(
    ("tolerance", "red", "collected", "forgiven"),
    [
        (Tolerance(), 0, 3, True),
        (Tolerance(), 1, 3, False),
        (Tolerance(2), 2, 3, True),
        (Tolerance(2), 3, 3, False),
        (Tolerance(below_percent=10), 0, 0, True),
        (Tolerance(below_percent=10), 1, 11, True),
        (Tolerance(below_percent=10), 1, 10, False),
        (Tolerance(below_percent=0), 0, 10, True),
        (Tolerance(below_percent=10, count=9), 2, 10, False),
    ],
)
def test_how_many_red_tests_a_gate_forgives(tolerance: Tolerance, red: int, collected: int, forgiven: bool) -> None:
    assert tolerance.forgives(red, collected) is forgiven


def test_a_tolerance_is_written_as_in_the_plan_file() -> None:
    assert [str(Tolerance()), str(Tolerance(2)), str(Tolerance(below_percent=2.5))] == ["0", "2", "<2.5%"]
