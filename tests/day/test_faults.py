"""The seed's day as whole sessions: every combination of the three faults, seen and named for what it is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import pytest

from tests.day.day import FAULTS, RED, TIMEOUT, day_project, red_in, with_faults
from tests.small_project import Project

COMBINATIONS = [frozenset(c) for size in range(4) for c in itertools.combinations(FAULTS, size)]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with day_project(tmp_path_factory.mktemp("day") / "project") as project:
        yield project


@pytest.mark.parametrize("faults", COMBINATIONS, ids=lambda faults: "+".join(sorted(faults)) or "no fault")
def test_each_combination_makes_exactly_its_tests_red_and_names_exactly_its_causes(
    day: Project, faults: frozenset[str]
) -> None:
    with_faults(day, faults)

    done = day.run("--focus", "critical", "--remedies", "off")

    result = day.result
    (iteration,) = result["iterations"]
    assert red_in(iteration) == set().union(*(RED[fault] for fault in faults))
    assert {problem["id"]: set(problem["tests"]) for problem in result["problems"]} == {f: RED[f] for f in faults}
    assert all(problem["root_cause"] for problem in result["problems"])
    assert iteration["totals"]["counts"]["collected"] == 41
    assert iteration["totals"]["counted"] == 41 - len(red_in(iteration))
    assert done.code == (1 if faults else 0), done.out + done.err


@pytest.mark.parametrize("latency", [1.6, 2.4])
def test_the_proposed_limit_follows_the_latency_that_was_seen(day: Project, latency: float) -> None:
    with_faults(day, frozenset({TIMEOUT}))
    day.change("config/local.yaml", "REPORT_LATENCY: 1.6", f"REPORT_LATENCY: {latency}")
    try:
        day.run("--focus", "agent-pipeline,message-flow,p1-critical", "--remedies", "off")
    finally:
        day.change("config/local.yaml", f"REPORT_LATENCY: {latency}", "REPORT_LATENCY: 1.6")

    (remedy,) = day.result["remedies"]
    seen = remedy["figures"]["p95_s"]
    assert seen >= latency
    assert float(remedy["after"]) == math.ceil(round(seen * 1.25 * 10, 6)) / 10
    assert (remedy["state"], remedy["reason"]) == ("open", "remedies are off")


def test_work_that_takes_longer_than_the_cap_is_not_repaired_and_the_worklog_says_so(day: Project) -> None:
    with_faults(day, frozenset({TIMEOUT}))
    day.change("config/local.yaml", "REPORT_LATENCY: 1.6", "REPORT_LATENCY: 4.5")
    try:
        done = day.run("--focus", "critical", "--remedies", "apply")
    finally:
        day.change("config/local.yaml", "REPORT_LATENCY: 4.5", "REPORT_LATENCY: 1.6")

    result = day.result
    (remedy,) = result["remedies"]
    assert (done.code, result["verdict"], len(result["iterations"])) == (5, "RED", 1)
    assert result["reason"].startswith("not repaired; ")
    assert (remedy["state"], remedy["after"]) == ("open", None)
    assert remedy["reason"] == "the work takes longer than the cap allows"
    assert "work-cut-off is not repaired: the work takes longer than the cap allows" in day.worklog
