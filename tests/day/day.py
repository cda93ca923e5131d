"""The project as it ships, copied to a folder of its own: the sample with its three faults, any of which can be off."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.small_project import Project

ROOT = Path(__file__).parents[2]
STORE = "127.0.0.1:16379"
TIMEOUT, STORE_ADDRESS, SHARED_USER = "work-cut-off", "dependency-address", "shared-user"
FAULTS = (TIMEOUT, STORE_ADDRESS, SHARED_USER)

_P1 = "p1_critical/test_priority1_critical.py"
RED = {  # by fault: the tests that it makes red, as the seed's day had them
    TIMEOUT: {
        f"{_P1}::test_013_agent_execution_real",
        f"{_P1}::test_014_tool_execution_real",
        f"{_P1}::test_024_concurrent_agent_runs_real",
        f"{_P1}::test_025_golden_path_real",
        "agent_pipeline/test_agent_pipeline.py::test_real_agent_pipeline_execution",
        "message_flow/test_message_flow.py::test_real_websocket_message_flow",
    },
    STORE_ADDRESS: {
        f"{_P1}::test_006_dependency_health_real",
        f"{_P1}::test_015_session_persistence_real",
        "websocket_events/test_websocket_events.py::test_health_check",
    },
    SHARED_USER: {
        f"{_P1}::test_002_websocket_authentication_real",
        f"{_P1}::test_003_websocket_message_send_real",
    },
}


@contextmanager
def day_project(path: Path) -> Iterator[Project]:
    """The shipped project; its embedded Cloud Run is down at the end, whatever happened."""
    project = Project(path)
    for folder in ("config", "phases", "netra_loop/sample"):
        shutil.copytree(ROOT / folder, path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    try:
        yield project
    finally:
        project.do("local", "down")
        shutil.rmtree(path, ignore_errors=True)


def with_faults(project: Project, faults: frozenset[str]) -> None:
    """Write config/local.yaml with exactly these faults."""
    lines = (ROOT / "config/local.yaml").read_text(encoding="utf-8").splitlines()
    faulty = {"mode": SHARED_USER, "AGENT_TIMEOUT": TIMEOUT, "SESSION_STORE": STORE_ADDRESS}
    sound = {"mode": "  mode: exclusive", "AGENT_TIMEOUT": "      AGENT_TIMEOUT: 8", "SESSION_STORE": ""}
    names = [line.partition(":")[0].strip() if "# fault:" in line else "" for line in lines]
    assert sorted(filter(None, names)) == sorted(faulty)
    kept = [sound[n] if n and faulty[n] not in faults else line for n, line in zip(names, lines, strict=True)]
    project.write("config/local.yaml", "\n".join(kept) + "\n")


def red_in(iteration: dict[str, Any]) -> set[str]:
    """The red tests of one iteration."""
    outcomes = ("failed", "error", "timeout")
    return {test["id"] for suite in iteration["suites"] for test in suite["tests"] if test["outcome"] in outcomes}
