"""Killed at any moment of a repair of code and resumed, a session asks nobody twice and changes nothing unawares."""

from __future__ import annotations

import random
import sys

import pytest

from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.supervise import marked_processes
from tests.agent_project import REPAIR, break_service, repository, with_agent
from tests.forked import code_of
from tests.loop.test_crash import create_calls, entries_of, kill_at_entry
from tests.small_project import Project

DIAGNOSIS, VERIFICATION = 19, 40  # entries of a session of this project: between them it repairs
LONGEST_PAUSE = 0.1  # seconds between an entry and the kill: what happens between two entries is hit too
ENDS = {("GREEN", 0, "verified"), ("RED", 5, "open")}  # repaired, or not asked again


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "moment" in metafunc.fixturenames:
        metafunc.parametrize("moment", range(metafunc.config.getoption("--kills") // 8))


def killed(project: Project, moment: int) -> int:
    """Run a session, killed at two seeded random moments and resumed; the exit code of the last command."""
    drawn = random.Random(moment)
    process = project.start("run", "--remedies", "apply", "--max-iterations", "3")
    ahead = drawn.randint(DIAGNOSIS, VERIFICATION)
    while kill_at_entry(project, process, 1, ahead, drawn.uniform(0, LONGEST_PAUSE)):
        ahead = entries_of(project.sessions[-1]) + drawn.randint(1, 12) if ahead <= VERIFICATION else sys.maxsize
        process = project.start("resume", "last")
    return code_of(process)


def test_killed_in_a_repair_a_session_asks_nobody_twice_and_changes_nothing_unawares(
    project: Project, moment: int
) -> None:
    asked = break_service(project).path / ".netra-loop" / "asked"
    before = with_agent(project, f"open({str(asked)!r}, 'a').write('x')\n{REPAIR}")
    made = repository(project)
    code = killed(project, moment)
    result = project.result
    (remedy,) = result["remedies"]
    branch = made.git("branch", "--list", "netra-loop/*").strip()
    commits = made.git("log", "--format=%H", f"main..{branch}").splitlines() if branch else []

    assert (result["verdict"], code, remedy["state"]) in ENDS, project.worklog
    assert (asked.read_text("utf-8") if asked.exists() else "") in (("x",) if branch else ("x", ""))
    assert made.footprint == before
    assert commits == ([remedy["receipt"]["commit"]] if remedy["state"] == "verified" else [])
    assert all(count == 1 for count in create_calls(project).values())
    assert marked_processes(SessionFolder(project.sessions[-1])) == []
    if remedy["state"] == "verified":
        first, second = (each["revisions"]["backend"] for each in result["iterations"])
        assert (remedy["measured"]["revision"], project.serving) == (second, second) != (first, first)
