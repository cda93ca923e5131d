"""A service that is stopped while nobody asks it: the cause is found, an instance is kept, and that is verified."""

from __future__ import annotations

from pathlib import Path

from tests.adapters.children import wait_until
from tests.localrun.cloud import start_server
from tests.small_project import Project

KNOWLEDGE = Path(__file__).parents[2] / "config/knowledge.yaml"
SLOW_START = "import time; time.sleep(3)\n"
SUITE = """
import os, time
import httpx

def items(timeout=30.0):
    answer = httpx.get(os.environ["BACKEND_URL"] + "/items", timeout=timeout)
    answer.raise_for_status()
    return answer.json()["items"]

def test_after_a_pause():
    time.sleep(3)  # a service that is idle for longer than a second is stopped
    assert items(timeout=1.5) == [1, 2, 3]

def test_one():
    assert items() == [1, 2, 3]

def test_two():
    assert 1 in items()

def test_three():
    assert len(items()) == 3
"""


def test_a_cold_start_is_named_and_remedied_by_an_instance_that_is_kept(project: Project) -> None:
    project.change("backend/app.py", "import json, os", f"{SLOW_START}import json, os")
    project.write("config/knowledge.yaml", KNOWLEDGE.read_text("utf-8")).write("e2e/test_basics.py", SUITE)
    home = project.path / ".netra-loop/local"
    home.mkdir(parents=True)
    server = start_server(home, "--instance-idle-seconds", "1")
    wait_until((home / "server.json").exists)
    done = project.run("--remedies", "apply", "--max-iterations", "2")
    (problem,) = project.result["problems"]
    (remedy,) = project.result["remedies"]
    project.down()
    server.communicate()

    assert (problem["id"], [why["status"] for why in problem["whys"]]) == ("cold-start", ["confirmed"] * 3), done.out
    assert problem["tests"] == ["test_basics.py::test_after_a_pause"]
    assert (remedy["kind"], remedy["change"]) == ("set_resources", "backend min_instances: 0 -> 1")
    assert (remedy["state"], project.result["verdict"], done.code) == ("verified", "GREEN", 0)
