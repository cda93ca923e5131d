"""The day as it ships: three causes found, three remedies applied, everything proven; also when killed in between."""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.supervise import marked_processes
from tests.day.day import FAULTS, RED, day_project, red_in
from tests.small_project import Project, clean_environment

SERVICES = ("backend", "auth", "frontend")
FIRST_FOUR = ("p1-critical", "websocket-events", "agent-pipeline", "message-flow")


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with day_project(tmp_path_factory.mktemp("day") / "project") as project:
        yield project


@pytest.fixture(scope="module")
def repaired(day: Project) -> dict[str, Any]:
    """The result of the shipped day, run once; nothing but worklogs and sessions was written."""
    before = tree_of(day.path)
    done = day.run()
    assert done.code == 0, done.out + done.err
    assert tree_of(day.path) == before
    return day.result


def tree_of(path: Path) -> dict[str, str]:
    """Every file of a project with its digest, but what belongs to sessions."""
    ours = ("worklogs", ".netra-loop", "__pycache__")
    return {
        str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in path.rglob("*")
        if file.is_file() and not set(ours) & set(file.relative_to(path).parts)
    }


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


def test_the_last_iteration_has_every_test_counted_on_the_promoted_revisions(repaired: dict[str, Any]) -> None:
    last = repaired["iterations"][-1]

    assert (repaired["verdict"], len(repaired["iterations"])) == ("GREEN", 2)
    assert last["totals"]["counted"] == last["totals"]["counts"]["collected"] == 55
    for service in repaired["services"]:
        assert service["serving_revision"] == service["revision"] == last["revisions"][service["name"]]
        assert service["revision"] != repaired["iterations"][0]["revisions"][service["name"]]
    assert [service["name"] for service in repaired["services"]] == list(SERVICES)


def test_every_remedy_is_verified_by_its_own_tests_first(repaired: dict[str, Any], day: Project) -> None:
    remedies = {remedy["cause"]: remedy for remedy in repaired["remedies"]}

    assert set(remedies) == set(FAULTS)
    for cause, remedy in remedies.items():
        assert remedy["state"] == "verified"
        assert set(remedy["tests"]) == RED[cause]
        measured = remedy["measured"]
        assert measured["passing_alone"] == measured["passing_in_whole_run"] == len(RED[cause])
        assert measured["newly_red"] == []
        assert f"write {remedy['permanent']}" in day.worklog
    assert {remedy["seat"] for remedy in remedies.values()} == {"service", "harness"}
    alone = max(each["ended"] for each in repaired["iterations"][1]["verifications"])
    suites = next(p for p in repaired["iterations"][1]["phases"] if p["id"] == "critical")
    assert alone <= suites["started"]


def test_the_next_run_begins_with_the_shipped_faults_again_and_is_compared(
    repaired: dict[str, Any], day: Project
) -> None:
    done = day.run("--focus", "critical", "--remedies", "off")

    result = day.result
    assert done.code == 1
    assert red_in(result["iterations"][0]) == set().union(*RED.values())
    assert {remedy["state"] for remedy in result["remedies"]} == {"open"}
    assert result["previous"]["session_id"] == repaired["session_id"]
    assert (result["previous"]["verdict"], result["previous"]["counted"]) == ("GREEN", 55)
    for service in result["services"]:
        assert service["serving_revision"] == repaired["iterations"][-1]["revisions"][service["name"]]


def test_killed_at_random_moments_it_comes_to_the_same_end(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """As often as `--day-kills` says, 1 by default: `make crash` does 5."""
    moments = random.Random(pytestconfig.getoption("--day-kills"))
    with day_project(tmp_path / "project") as project:
        before = tree_of(project.path)
        for kill in range(pytestconfig.getoption("--day-kills")):
            process = started(project, *(("resume", "last") if kill else ("run",)))
            wait_for_entries(project, process, moments.randint(20, 70))
            process.send_signal(signal.SIGKILL)
            process.wait()
        done = project.do("resume", "last", "--output", "plain")

        result = project.result
        assert (done.code, result["verdict"]) == (0, "GREEN"), done.out + done.err
        assert result["headline"]["counted"] == 55
        assert {remedy["state"] for remedy in result["remedies"]} == {"verified"}
        assert tree_of(project.path) == before
        assert len(project.sessions) == 1
        assert marked_processes(SessionFolder(project.sessions[-1])) == []


def started(project: Project, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "netra_loop", "--project-dir", str(project.path), *arguments, "--output", "jsonl"],
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_for_entries(project: Project, process: subprocess.Popen[bytes], count: int) -> None:
    """Until the process has told of so many entries; it must not have ended by then."""
    assert process.stdout is not None
    for _ in range(count):
        assert process.stdout.readline(), f"it ended before entry {count}"
