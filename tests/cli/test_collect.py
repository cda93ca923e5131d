"""`plan collect`, and a suite that loses tests from one session to the next."""

from __future__ import annotations

import json

from tests.small_project import Project

GONE = '\ndef test_items():\n    assert get("/items")["items"] == [1, 2, 3]\n'


def test_tests_that_were_there_before_are_missed_until_their_number_is_declared(project: Project) -> None:
    asked = project.do("plan", "collect")
    assert asked.code == 0
    assert [line.split() for line in asked.out.splitlines()] == [
        ["SUITE", "DECLARED", "COLLECTED", "LAST", "TIME", "DESELECTED", "FOUND", "WRONG"],
        ["basics", "-", "3", "-", "0", "-"],
    ]
    assert not project.told, "to ask is no session"
    assert project.run().code == 0
    first = project.sessions[-1].name

    project.change("e2e/test_basics.py", GONE, "")
    asked = project.do("plan", "collect", "--json")
    assert asked.code == 1
    assert json.loads(asked.out)["suites"] == [
        {
            "id": "basics",
            "declared": None,
            "collected": 2,
            "last": {"session_id": first, "collected": 3},
            "deselected": 0,
            "errors": [],
            "reasons": ["fewer_than_last_time"],
            "tests": ["test_basics.py::test_health", "test_basics.py::test_unknown_path"],
        }
    ]
    assert project.run("--no-deploy").code == 3
    assert (project.suite["outcome"], project.suite["reasons"]) == ("incomplete", ["fewer_than_last_time"])

    project.change("config/suites.yaml", "runner: pytest", "runner: pytest\n    declared_tests: 2")
    assert project.do("plan", "collect").code == 0
