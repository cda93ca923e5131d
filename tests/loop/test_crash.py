"""Killed at any entry of its journal and resumed, a session ends as if nothing had happened."""

from __future__ import annotations

import random
import re
import sqlite3
import time
from collections import Counter
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.supervise import marked_processes
from tests.forked import code_of
from tests.small_project import Project

KILLS_PER_SESSION = 4
STRIDE = 5  # entries between two kills at most: four of them fall inside what a session of the small project writes


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        kills = metafunc.config.getoption("--kills")
        metafunc.parametrize("seed", range(-(-kills // KILLS_PER_SESSION)))


def entries_of(session: Path) -> int:
    try:
        with sqlite3.connect(f"file:{session / 'journal.db'}?mode=ro", uri=True, timeout=5) as connection:
            (count,) = connection.execute("SELECT count(*) FROM entry").fetchone()
    except sqlite3.Error:
        return 0
    return int(count)


def kill_at_entry(project: Project, process: BaseProcess, sessions: int, entry: int, pause: float = 0.0) -> bool:
    """Kill -9 `pause` seconds after the newest of so many sessions has that many entries; False if it ended before."""
    while process.is_alive():
        if len(project.sessions) == sessions and entries_of(project.sessions[-1]) >= entry:
            process.join(pause)
            process.kill()
            process.join()
            return True
        time.sleep(0.004)
    return False


def disturbed(project: Project, seed: int, sessions: int) -> int:
    """Run one session, killed at seeded random entries and resumed each time; the exit code of the last resume."""
    random_entries = random.Random(seed)
    process = project.start("run", "--redeploy")
    done = 0
    for kill in range(KILLS_PER_SESSION):
        ahead = done + random_entries.randint(1, STRIDE)
        assert kill_at_entry(project, process, sessions, ahead), f"kill {kill + 1} came too late, at entry {ahead}"
        done = entries_of(project.sessions[-1])
        process = project.start("resume", "last")
    return code_of(process)


def create_calls(project: Project) -> Counter[str]:
    return Counter(str(call["revision"]) for call in project.audit() if call.get("revision"))


def test_a_killed_session_ends_as_if_nothing_had_happened(project: Project, seed: int) -> None:
    red, first_revision = seed % 2 == 1, seed % 4 > 1
    if not first_revision:
        assert project.run().code == 0
    if red:
        project.change("e2e/test_basics.py", "== [1, 2, 3]", "== [1, 2]")

    code = disturbed(project, seed, 1 if first_revision else 2)

    assert code == (1 if red else 0), project.worklog
    assert len(project.sessions) == (1 if first_revision else 2)
    result = project.result
    (service,) = result["services"]
    assert service["strategy"] == ("direct" if first_revision else "candidate")
    assert (service["serving_revision"] == service["revision"]) is (first_revision or not red)
    assert (result["verdict"], result["headline"]["collected"]) == ("RED" if red else "GREEN", 3)
    assert result["headline"]["counted"] == (2 if red else 3)
    created = create_calls(project)
    assert list(created.values()) == [1] * len(project.sessions), f"one create per key, not {created}"
    assert marked_processes(SessionFolder(project.sessions[-1])) == []
    footer = project.worklog.rstrip().rsplit("\n", 1)[1]
    assert re.search(rf"seq={result['last_entry']} state=final ", footer)
