"""The project as it ships, copied to a folder of its own: the sample with its three faults, any of which can be off."""

from __future__ import annotations

import hashlib
import os
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
def day_project(path: Path, compiled: Path) -> Iterator[Project]:
    """The shipped project; its embedded Cloud Run is down at the end, whatever happened. compiled: `compile_into`."""
    project = Project(path)
    for folder in ("config", "phases", "netra_loop/sample"):
        shutil.copytree(ROOT / folder, path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    index = project.path / "config/suites.yaml"  # what else is installed here is none of the sample's business
    cwd = "    cwd: netra_loop/sample/e2e\n"
    index.write_text(
        index.read_text("utf-8").replace(cwd, f"{cwd}    env: {{PYTEST_DISABLE_PLUGIN_AUTOLOAD: 1}}\n"), "utf-8"
    )
    project.write("config/local.yaml", shipped())
    project.compile_into(compiled)
    try:
        yield project
    finally:
        project.down()
        shutil.rmtree(path, ignore_errors=True)


def shipped() -> str:
    """The shipped config/local.yaml; each worker has addresses of its own, for they start in the same moment."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    address = f"127.0.0.1:{16400 + 40 * worker}"
    text = (ROOT / "config/local.yaml").read_text(encoding="utf-8").replace(STORE, address)
    assert "deployer: auto" in text
    return text.replace("deployer: auto", "deployer: api")  # gcloud takes seconds of its own each time


def with_faults(project: Project, faults: frozenset[str]) -> None:
    """Write config/local.yaml with exactly these faults."""
    lines = shipped().splitlines()
    faulty = {"mode": SHARED_USER, "AGENT_TIMEOUT": TIMEOUT, "SESSION_STORE": STORE_ADDRESS}
    sound = {"mode": "  mode: exclusive", "AGENT_TIMEOUT": "      AGENT_TIMEOUT: 8", "SESSION_STORE": ""}
    names = [line.partition(":")[0].strip() if "# fault:" in line else "" for line in lines]
    assert sorted(filter(None, names)) == sorted(faulty)
    kept = [sound[n] if n and faulty[n] not in faults else line for n, line in zip(names, lines, strict=True)]
    project.write("config/local.yaml", "\n".join(kept) + "\n")


def tree_of(path: Path) -> dict[str, str]:
    """Every file of a project with its digest, but what belongs to sessions."""
    ours = ("worklogs", ".netra-loop", "__pycache__")
    return {
        str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in path.rglob("*")
        if file.is_file() and not set(ours) & set(file.relative_to(path).parts)
    }


def red_in(iteration: dict[str, Any]) -> set[str]:
    """The red tests of one iteration."""
    outcomes = ("failed", "error", "timeout")
    return {test["id"] for suite in iteration["suites"] for test in suite["tests"] if test["outcome"] in outcomes}


def check_faults(project: Project, faults: frozenset[str]) -> None:
    """A session with exactly these faults: the union of their tests is red, and they are the causes that are named."""
    with_faults(project, faults)

    done = project.run("--focus", "critical", "--remedies", "off")

    result = project.result
    (iteration,) = result["iterations"]
    assert red_in(iteration) == set().union(*(RED[fault] for fault in faults))
    assert {problem["id"]: set(problem["tests"]) for problem in result["problems"]} == {f: RED[f] for f in faults}
    assert all(problem["root_cause"] for problem in result["problems"])
    assert iteration["totals"]["counts"]["collected"] == 41
    assert iteration["totals"]["counted"] == 41 - len(red_in(iteration))
    assert done.code == (1 if faults else 0), done.out + done.err
