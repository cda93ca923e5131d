"""Deployed only what is another, and only after a look at it; in whole sessions."""

from __future__ import annotations

from typing import Any

from tests.small_project import PLAN, Project


def service(project: Project) -> dict[str, Any]:
    (found,) = project.result["services"]
    assert isinstance(found, dict)
    return found


def revisions(project: Project) -> set[str]:
    """Every revision that was ever asked for."""
    return {str(call["revision"]) for call in project.audit() if call.get("revision")}


def test_what_serves_already_is_tested_and_not_made_again(project: Project) -> None:
    assert project.run().code == 0
    first = service(project)
    assert first["checked"] == ["compile: 1 Python files"]

    assert project.run().code == 0, project.worklog
    again = service(project)
    assert (again["strategy"], again["revision"]) == ("unchanged", first["revision"])
    assert again["serving_revision"] == first["revision"]
    assert project.result["headline"]["counted"] == 3
    assert f"- Strategy: nothing was deployed (`{first['revision']} serves the same " in project.worklog
    assert revisions(project) == {first["revision"]}

    project.change("config/local.yaml", "STORE: connected", "STORE: connected, ANOTHER: variable")
    assert project.run().code == 0
    other = service(project)
    assert (other["strategy"], other["previous_revision"]) == ("candidate", first["revision"])

    assert project.do("local", "fault", "pinned-traffic", "--service", "backend").code == 0
    assert project.run("--redeploy").code == 0
    assert len(revisions(project)) == 3
    last = service(project)
    assert last["pinned"], "g4: a plain deploy would have served nothing"
    assert last["serving_revision"] == project.serving == last["revision"]
    assert " (pinned by revision name: a plain deploy would have served nothing)" in project.worklog


def test_what_does_not_pass_a_look_is_not_deployed(project: Project) -> None:
    plan = PLAN.replace("deploy: all", "deploy: all, before: [compile, import, collect, clean]")
    project.write("phases/default.yaml", plan)
    project.write("backend/broken.py", "def broken(:\n    pass\n")
    project.write("backend/setting.py", "import os\nLEVEL = int(os.environ['LEVEL'])\n")
    project.write("e2e/test_broken.py", "import no_such_module\n").change(
        "config/suites.yaml", "[test_basics.py]", "[.]"
    )
    project.change(
        "config/local.yaml",
        "env: {STORE: connected}",
        "env: {STORE: connected, LEVEL: high}\n    requires: [STORE, API_KEY]\n    imports: [setting, broken]",
    )

    assert project.run().code == 1
    (deploy,) = project.result["iterations"][0]["phases"][0]["steps"]
    assert deploy["reasons"] == [
        "compile: broken.py:1: invalid syntax",
        "import: ValueError: invalid literal for int() with base 10: 'high'",
        "collect: suite basics: collection_error",
        "clean: the project has no commit",
        "backend requires API_KEY, which nobody sets",
        "nothing was deployed",
    ]
    assert revisions(project) == set()
    assert service(project)["revision"] is None
