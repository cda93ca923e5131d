"""The day as it ships: three causes found, three remedies applied, everything proven."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from netra_loop.adapters.journal import JournalFile
from netra_loop.core.events import ActEnded, Event, TestsObserved
from netra_loop.core.problem import Diagnosed
from netra_loop.core.seen import HealthSeen, Result, SuiteSeen
from tests.day.day import FAULTS, RED, SHARED_USER, STORE_ADDRESS, TIMEOUT, day_project, red_in, tree_of
from tests.small_project import Project

SERVICES = ("backend", "auth", "frontend")
FIRST_FOUR = ("p1-critical", "websocket-events", "agent-pipeline", "message-flow")


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Iterator[Project]:
    with day_project(tmp_path_factory.mktemp("day") / "project", compiled) as project:
        yield project


@pytest.fixture(scope="module")
def repaired(day: Project) -> dict[str, Any]:
    """The result of the shipped day, run once; nothing but worklogs and sessions was written."""
    before = tree_of(day.path)
    done = day.run()
    assert done.code == 0, done.out + done.err
    assert tree_of(day.path) == before
    return day.result


def test_the_first_iteration_is_the_day_of_the_seed(repaired: dict[str, Any]) -> None:
    first = repaired["iterations"][0]
    suites = {suite["id"]: suite["counts"] for suite in first["suites"]}

    assert [(suites[name]["passed"], suites[name]["collected"]) for name in FIRST_FOUR] == [
        (17, 25),
        (4, 5),
        (5, 6),
        (4, 5),
    ]
    assert red_in(first) == set().union(*RED.values())
    assert {p["id"]: set(p["tests"]) for p in repaired["problems"]} == RED


def test_every_why_of_the_day_links_to_the_entry_that_recorded_what_it_saw(
    repaired: dict[str, Any], day: Project
) -> None:
    entries = JournalFile(day.sessions[-1] / "journal.db").entries()
    links: dict[str, list[str]] = {}
    for problem in repaired["problems"]:
        for why in problem["whys"]:
            told = [entries[evidence["entry"] - 1].event for evidence in why["evidence"]]
            links.setdefault(problem["id"], []).append("+".join(sorted({_recorded(each) for each in told})))

    assert links == {
        TIMEOUT: ["tests", "diagnosis", "diagnosis"],
        STORE_ADDRESS: ["tests", "diagnosis", "health", "diagnosis"],
        SHARED_USER: ["tests", "diagnosis", "suite"],
    }


def _recorded(event: Event) -> str:
    """What an entry recorded, by a word of this test."""
    match event:
        case TestsObserved():
            return "tests"
        case ActEnded(_, Result(seen=Diagnosed())):
            return "diagnosis"
        case ActEnded(_, Result(seen=HealthSeen())):
            return "health"
        case ActEnded(_, Result(seen=SuiteSeen())):
            return "suite"
        case _:
            return "nothing of the kind"


def test_the_last_iteration_has_every_test_counted_on_the_promoted_revisions(repaired: dict[str, Any]) -> None:
    last = repaired["iterations"][-1]

    assert (repaired["verdict"], len(repaired["iterations"])) == ("GREEN", 2)
    assert last["totals"]["counted"] == last["totals"]["counts"]["collected"] == 55
    for service in repaired["services"]:
        assert service["serving_revision"] == service["revision"] == last["revisions"][service["name"]]
        is_new = service["revision"] != repaired["iterations"][0]["revisions"][service["name"]]
        assert is_new is bool(service["changes"]) is (service["strategy"] != "unchanged")
    assert [service["name"] for service in repaired["services"]] == list(SERVICES)


def test_no_test_of_the_sample_passes_without_its_target(repaired: dict[str, Any]) -> None:
    control = next(phase for phase in repaired["iterations"][0]["phases"] if phase["id"] == "control")
    seen = [step["seen"] for step in control["steps"]]

    assert control["outcome"] == "passed"
    assert [each["still_passing"] for each in seen] == [[]] * 7
    assert [sum(each["counts"][target] for each in seen) for target in ("dead", "sabotaged")] == [55, 55]


def test_every_remedy_is_verified_by_its_own_tests_first(repaired: dict[str, Any], day: Project) -> None:
    remedies = {remedy["cause"]: remedy for remedy in repaired["remedies"]}

    assert set(remedies) == set(FAULTS)
    for cause, remedy in remedies.items():
        assert remedy["state"] == "verified"
        assert set(remedy["tests"]) == RED[cause]
        measured = remedy["measured"]
        assert measured["passing_alone"] == measured["passing_in_whole_run"] == len(RED[cause])
        assert measured["newly_red"] == []
        assert f"lasts for this session only: {remedy['permanent']}" in day.worklog
    assert {remedy["seat"] for remedy in remedies.values()} == {"service", "harness"}
    alone = max(each["ended"] for each in repaired["iterations"][1]["verifications"])
    suites = next(p for p in repaired["iterations"][1]["phases"] if p["id"] == "critical")
    assert alone <= suites["started"]
