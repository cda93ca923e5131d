"""The project as it ships, copied to a folder of its own: the sample with its three faults, any of which can be off."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.small_project import Project

ROOT = Path(__file__).parents[2]
STORE, NOWHERE = "127.0.0.1:16379", "127.0.0.1:1"
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
    """The shipped project, its store at another address so that several can run at once; all is down at the end."""
    project = Project(path)
    for folder in ("config", "phases", "netra_loop/sample"):
        shutil.copytree(ROOT / folder, path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    project.change("config/local.yaml", STORE, _free_address())
    try:
        yield project
    finally:
        project.do("local", "down")
        shutil.rmtree(path, ignore_errors=True)


def _free_address() -> str:
    """A loopback address that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "{}:{}".format(*probe.getsockname())


def with_faults(project: Project, faults: frozenset[str]) -> None:
    """Write config/local.yaml with exactly these faults."""
    shipped = (ROOT / "config/local.yaml").read_text(encoding="utf-8").splitlines()
    now = (project.path / "config/local.yaml").read_text(encoding="utf-8").splitlines()
    lines = dict(enumerate(now))
    for number, line in enumerate(shipped):
        if "# fault:" in line:
            name, _, _ = line.partition(":")
            lines[number] = f"{name}: {_value(name.strip(), now, faults)}"
    project.write("config/local.yaml", "\n".join(lines.values()) + "\n")


def _value(name: str, lines: list[str], faults: frozenset[str]) -> str:
    match name:
        case "mode":
            return "shared" if SHARED_USER in faults else "exclusive"
        case "AGENT_TIMEOUT":
            return "1" if TIMEOUT in faults else "8"
        case "SESSION_STORE":
            (declared,) = (line.split(": ")[1].split(" #")[0] for line in lines if line.strip().startswith("address:"))
            return NOWHERE if STORE_ADDRESS in faults else declared
        case _:
            raise ValueError(f"unknown fault: {name}")


def red_in(iteration: dict[str, Any]) -> set[str]:
    """The red tests of one iteration."""
    outcomes = ("failed", "error", "timeout")
    return {test["id"] for suite in iteration["suites"] for test in suite["tests"] if test["outcome"] in outcomes}
