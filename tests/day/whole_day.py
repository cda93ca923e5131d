"""The long half of the seed's day, minutes of it: `make day`. The short half is in the test files beside it."""

from __future__ import annotations

import itertools
import math
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.supervise import marked_processes
from tests.day.day import FAULTS, RED, TIMEOUT, check_faults, day_project, red_in, tree_of, with_faults
from tests.small_project import Project, clean_environment

COMBINATIONS = [frozenset(c) for size in range(4) for c in itertools.combinations(FAULTS, size)]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Iterator[Project]:
    with day_project(tmp_path_factory.mktemp("day") / "project", compiled) as project:
        yield project


@pytest.mark.parametrize("faults", COMBINATIONS, ids=lambda faults: "+".join(sorted(faults)) or "no fault")
def test_each_combination_makes_exactly_its_tests_red_and_names_exactly_its_causes(
    day: Project, faults: frozenset[str]
) -> None:
    check_faults(day, faults)


@pytest.mark.parametrize("number", range(10))
def test_every_session_has_the_same_red_tests(day: Project, number: int) -> None:
    with_faults(day, frozenset(FAULTS))
    assert day.run("--remedies", "off").code == 1
    assert red_in(day.result["iterations"][0]) == set().union(*RED.values()), number


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


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_five_times_at_random_moments_it_comes_to_the_same_end(
    tmp_path: Path, compiled: Path, seed: int
) -> None:
    moments = random.Random(seed)
    with day_project(tmp_path / "project", compiled) as project:
        before = tree_of(project.path)
        for kill in range(5):
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
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def wait_for_entries(project: Project, process: subprocess.Popen[bytes], count: int) -> None:
    """Until the process has told of so many entries; it must not have ended by then."""
    assert process.stdout is not None
    last = b""
    for _ in range(count):
        line = process.stdout.readline()
        assert line, f"it ended before entry {count}, after {last.decode()}"
        last = line


def test_the_next_run_begins_with_the_shipped_faults_again_and_is_compared(day: Project) -> None:
    with_faults(day, frozenset(FAULTS))
    assert day.run().code == 0
    repaired = day.result
    done = day.run("--focus", "critical", "--remedies", "off")

    result = day.result
    assert done.code == 1
    assert red_in(result["iterations"][0]) == set().union(*RED.values())
    assert {remedy["state"] for remedy in result["remedies"]} == {"open"}
    assert result["previous"]["session_id"] == repaired["session_id"]
    assert (result["previous"]["verdict"], result["previous"]["counted"]) == ("GREEN", 55)
    for service in result["services"]:
        assert service["serving_revision"] == repaired["iterations"][-1]["revisions"][service["name"]]
