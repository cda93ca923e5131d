"""A whole session with a checker, and the one after it, from the command line."""

from __future__ import annotations

import sys

from tests.small_project import Project

CHECKER = """
import pathlib, sys
names = sorted(pathlib.Path("backend").glob("*.py"))
bad = sum("import json, os" in name.read_text() for name in names)
print(f"{len(names)} files, {bad} violations")
sys.exit(bool(bad))
"""


def test_violations_are_red_and_the_next_session_of_the_same_files_is_compared_with_them(project: Project) -> None:
    expressions = "files: '([0-9]+) files', violations: '([0-9]+) violations'"
    checker = f"compliance: {{command: [{sys.executable}, -I, rules.py], mode: strict, {expressions}}}"
    project.write("rules.py", CHECKER).change("config/local.yaml", "services:\n", f"{checker}\nservices:\n")
    project.change(
        "phases/default.yaml", "steps: [{id: suites,", "steps: [{id: rules, compliance: strict}, {id: suites,"
    )

    assert project.run().code == 1
    first = project.result["compliance"]
    assert (first["outcome"], first["files"], first["violations"]) == ("failed", 1, 1)
    assert "Not comparable: the session before has no counts of this environment." in project.worklog

    project.change("backend/app.py", "import json, os", "import json\nimport os")
    assert project.run().code == 0
    second = project.result["compliance"]
    assert (second["outcome"], second["files"], second["violations"]) == ("passed", 1, 0)
    assert second["previous"] == {"is_comparable": True, "why_not": None, "violations": 1}
    assert "The session before, same mode and files: 1 violations." in project.worklog
