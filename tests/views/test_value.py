"""What suites are declared to be worth is proven by proof alone, and summed only where it can be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netra_loop.core.outcome import Outcome, Proof, TestOutcome
from netra_loop.core.plan import Worth
from netra_loop.views.result import result_of
from netra_loop.views.worklog import worklog
from tests.stories import Story, usual_plan

P1 = Worth(120_000.0, "USD a month", "docs/index.md", "P1")
P2 = Worth(80_000.0, "USD a month", "docs/index.md", "P2")
USERS = Worth(300.0, "users", "a survey", "events")


def story(p1: Worth | None = P1, events: Worth | None = P2) -> Story:
    plan = usual_plan()
    worths = {"p1": p1, "events": events}
    suites = tuple(replace(each, value="some", worth=worths[each.id]) for each in plan.suites)
    return Story(replace(plan, suites=suites)).begin().deploys().is_healthy()


def value(told: Story) -> dict[str, Any]:
    found: dict[str, Any] = result_of(told.session)["value"]
    return found


def totals(told: Story) -> list[tuple[str, float, float, float]]:
    return [tuple(each.values()) for each in value(told)["totals"]]


def test_a_suite_that_passed_with_proof_proves_its_amount() -> None:
    told = story().tests("p1", ["a", "b"]).tests("events", ["c"])

    assert totals(told) == [("USD a month", 200_000.0, 0.0, 0.0)]
    assert value(told)["proven"][0] == {
        "suite": "p1",
        "value": "some",
        "declared_for": "P1",
        "source": "docs/index.md",
        "counted": 2,
        "collected": 2,
    }


@pytest.mark.parametrize(
    ("outcome", "proof"),
    [(Outcome.FAILED, Proof.PROVEN), (Outcome.INCOMPLETE, Proof.UNPROVEN), (Outcome.ERRORED, Proof.PROVEN)],
    ids=["red", "without proof", "an error"],
)
def test_whatever_else_a_suite_ended_as_its_amount_is_at_risk(outcome: Outcome, proof: Proof) -> None:
    told = story().tests("p1", ["a"], outcome, proof=proof).tests("events", ["c"])

    assert totals(told) == [("USD a month", 80_000.0, 120_000.0, 0.0)]
    assert [row["suite"] for row in value(told)["at_risk"]] == ["p1"]


def test_an_amount_whose_suite_did_not_run_is_neither() -> None:
    told = story().tests("p1", {"a": TestOutcome.FAILED}, Outcome.FAILED)

    assert totals(told) == [("USD a month", 0.0, 120_000.0, 80_000.0)]
    assert [row["suite"] for row in (*value(told)["at_risk"], *value(told)["proven"])] == ["p1"]


def test_what_is_declared_for_a_priority_counts_once_and_is_proven_by_all_its_suites() -> None:
    both = story(P1, P1).tests("p1", ["a"]).tests("events", ["c"])
    one = story(P1, P1).tests("p1", ["a"]).tests("events", ["c"], Outcome.FAILED)

    assert totals(both) == [("USD a month", 120_000.0, 0.0, 0.0)]
    assert totals(one) == [("USD a month", 0.0, 120_000.0, 0.0)]


def test_two_units_are_two_sums() -> None:
    told = story(P1, USERS).tests("p1", ["a"]).tests("events", ["c"])

    assert [(unit, proven) for unit, proven, *_ in totals(told)] == [("USD a month", 120_000.0), ("users", 300.0)]


def test_words_are_told_and_never_summed() -> None:
    told = story(None, None).tests("p1", ["a"]).tests("events", ["c"])

    assert totals(told) == []
    assert value(told)["proven"][0]["declared_for"] is None


def test_the_worklog_tells_source_counted_passes_and_sums() -> None:
    text = worklog(result_of(story().tests("p1", ["a"]).tests("events", ["c"], Outcome.FAILED).session))

    assert "Value proven: `some` by `p1` (1 counted passes of 1, declared in `docs/index.md`)" in text
    assert "| `USD a month` | 120000.0 | 80000.0 | 0.0 |" in text
