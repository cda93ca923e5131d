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


def story(p1: Worth | None = P1, events: Worth | None = P2, *, priority: str = "P2") -> Story:
    """Up to the health check; priority: that of the suite `events`."""
    plan = usual_plan()
    first, second = plan.suites
    first = replace(first, value="some", worth=p1)
    second = replace(second, value="some", worth=events, priority=priority)
    return Story(replace(plan, suites=(first, second))).begin().deploys().is_healthy()


def value(told: Story) -> dict[str, Any]:
    found: dict[str, Any] = result_of(told.session)["value"]
    return found


def suites(told: Story) -> tuple[list[str], list[str]]:
    """Those whose value is proven, and those whose value is at risk."""
    proven, at_risk = ([row["suite"] for row in value(told)[key]] for key in ("proven", "at_risk"))
    return proven, at_risk


def totals(told: Story) -> list[tuple[str, float, float, float]]:
    return [tuple(each.values()) for each in value(told)["totals"]]


def test_a_suite_that_passed_with_proof_proves_its_amount() -> None:
    told = story().tests("p1", ["a", "b"]).tests("events", ["c"])

    assert totals(told) == [("USD a month", 200_000.0, 0.0, 0.0)]
    assert value(told)["proven"][0] == {
        "suite": "p1",
        "value": "some",
        "amount": 120_000.0,
        "unit": "USD a month",
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


@pytest.mark.parametrize("proof", [proof for proof in Proof if not proof.counts], ids=lambda proof: proof.value)
@pytest.mark.parametrize("worth", [P1, None], ids=["an amount", "words"])
def test_no_value_is_proven_by_a_pass_that_does_not_count(proof: Proof, worth: Worth | None) -> None:
    told = story(worth).tests("p1", ["a"], proof=proof).tests("events", ["c"])

    assert suites(told) == (["events"], ["p1"])


def test_no_value_is_proven_without_a_pass() -> None:
    told = story().tests("p1", {"a": TestOutcome.FAILED}, Outcome.PASSED).tests("events", ["c"])

    assert suites(told) == (["events"], ["p1"])


def test_red_tests_that_the_gate_forgives_leave_the_value_proven() -> None:
    told = story().tests("p1", {"a": TestOutcome.FAILED, "b": TestOutcome.PASSED}, Outcome.PASSED)

    assert totals(told) == [("USD a month", 120_000.0, 0.0, 80_000.0)]
    assert (value(told)["proven"][0]["counted"], value(told)["proven"][0]["collected"]) == (1, 2)


def test_the_amount_of_a_suite_that_was_cancelled_is_at_risk() -> None:
    ends = {"a": TestOutcome.PASSED, "b": TestOutcome.NOT_RUN}
    told = story().tests("p1", ends, Outcome.INCOMPLETE, "stopped", ended_by="stop")

    assert totals(told) == [("USD a month", 0.0, 120_000.0, 80_000.0)]
    assert suites(told) == ([], ["p1"])


def test_the_amount_of_a_suite_that_is_not_in_focus_is_neither() -> None:
    told = Story(story().session.plan.focused("p1")).begin().deploys().is_healthy().tests("p1", ["a"])

    assert totals(told) == [("USD a month", 120_000.0, 0.0, 80_000.0)]
    assert suites(told) == (["p1"], [])


def test_what_is_declared_for_a_priority_counts_once() -> None:
    told = story(P1, P1, priority="P1").tests("p1", ["a"]).tests("events", ["c"])

    assert totals(told) == [("USD a month", 120_000.0, 0.0, 0.0)]
    assert suites(told) == (["p1", "events"], [])


@pytest.mark.parametrize("events", [P1, replace(P2, declared_for="events"), None], ids=["shared", "its own", "words"])
def test_what_is_declared_for_a_priority_is_at_risk_with_any_suite_of_it(events: Worth | None) -> None:
    told = story(P1, events, priority="P1").tests("p1", ["a"]).tests("events", ["c"], Outcome.FAILED)

    assert totals(told)[0][1] == 0.0
    assert suites(told) == ([], ["p1", "events"])


def test_what_is_declared_for_a_priority_is_not_proven_while_a_suite_of_it_is_not_in_focus() -> None:
    plan = story(P1, P1, priority="P1").session.plan.focused("p1")
    told = Story(plan).begin().deploys().is_healthy().tests("p1", ["a"])

    assert totals(told) == [("USD a month", 0.0, 120_000.0, 0.0)]
    assert suites(told) == ([], ["p1"])


def test_a_suite_that_failed_leaves_the_amount_of_its_neighbour_alone() -> None:
    own = replace(P2, declared_for="events")
    told = story(P1, own, priority="P1").tests("p1", {"a": TestOutcome.FAILED}, Outcome.FAILED).tests("events", ["c"])

    assert totals(told) == [("USD a month", 80_000.0, 120_000.0, 0.0)]


def test_sums_are_made_as_people_make_them() -> None:
    told = story(replace(P1, amount=0.1), replace(P2, amount=0.2)).tests("p1", ["a"]).tests("events", ["c"])

    assert totals(told) == [("USD a month", 0.3, 0.0, 0.0)]


def test_two_units_are_two_sums() -> None:
    told = story(P1, USERS).tests("p1", ["a"]).tests("events", ["c"])

    assert [(unit, proven) for unit, proven, *_ in totals(told)] == [("USD a month", 120_000.0), ("users", 300.0)]


def test_words_are_told_and_never_summed() -> None:
    told = story(None, None).tests("p1", ["a"]).tests("events", ["c"])

    assert totals(told) == []
    assert value(told)["proven"][0]["declared_for"] is None


def test_the_worklog_tells_source_counted_passes_and_sums() -> None:
    text = worklog(result_of(story().tests("p1", ["a"]).tests("events", ["c"], Outcome.FAILED).session))

    assert "Value proven: `some` of `P1` by `p1` (1 counted passes of 1, declared in `docs/index.md`)" in text
    assert "| `USD a month` | 120000.0 | 80000.0 | 0.0 |" in text
