"""What a green session does and tells, and what may follow it in the same project."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import netra_loop
from netra_loop.adapters.journal import JournalFile
from netra_loop.core.events import TestsObserved
from tests.forked import Done
from tests.small_project import Project, small_project

SCHEMA = json.loads((Path(netra_loop.__file__).parent / "views" / "result.schema.json").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Green:
    """A project that several tests use, and its first green session as it was right after it."""

    project: Project
    undeployed: Done
    """What a session without a deploy came to before that, when nothing was deployed yet."""
    done: Done
    result: dict[str, Any]
    worklog: str
    served: str


@pytest.fixture(scope="module")
def green(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Iterator[Green]:
    """Whoever changes a file puts it back; other sessions may follow, and promote nothing."""
    with small_project(tmp_path_factory.mktemp("green") / "project", compiled) as project:
        undeployed, done = project.run("--no-deploy"), project.run()
        yield Green(project, undeployed, done, project.result, project.worklog, project.serving)


def test_a_green_session_promotes_what_it_proved(green: Green) -> None:
    assert (green.done.code, green.done.err) == (0, "")
    assert green.result["verdict"] == "GREEN"
    jsonschema.validate(green.result, SCHEMA)
    (service,) = green.result["services"]
    assert green.served == service["revision"] == service["serving_revision"]
    for told in (service["revision"], service["image_digest"], "services?serviceId=backend revision", "-m pytest"):
        assert told in green.worklog
    rows = [line for line in green.worklog.splitlines() if line.startswith("| `test_basics.py::")]
    assert [row.split(" | ")[1:3] for row in rows] == [["passed", "confirmed"]] * 3


def test_a_red_session_leaves_the_old_revision_serving(green: Green) -> None:
    project = green.project
    before, (service,) = project.result, green.result["services"]
    project.change("e2e/test_basics.py", "== [1, 2, 3]", "== [1, 2]")
    done = project.run("--redeploy")
    project.change("e2e/test_basics.py", "== [1, 2]", "== [1, 2, 3]")
    assert done.code == 1
    red = project.result
    jsonschema.validate(red, SCHEMA)
    (tested,) = red["services"]
    assert red["verdict"] == "RED"
    assert tested["revision"] != service["revision"]
    assert project.serving == tested["serving_revision"] == tested["previous_revision"] == service["revision"]
    assert (red["previous"]["session_id"], red["previous"]["verdict"]) == (before["session_id"], "GREEN")
    assert red["previous"]["newly_red"] == ["basics::test_basics.py::test_items"]
    assert red["history"]["last_good"]["revisions"] == {"backend": service["revision"]}
    assert red["history"]["suites"] == [{"suite": "basics", "session_id": before["session_id"], "was_red": False}]
    assert f"- Traffic before: `{service['revision']}` 100 % (pinned by revision name" in project.worklog


def test_an_outside_program_is_asked_about_red_tests_and_its_answer_is_told_as_its_hypothesis(green: Green) -> None:
    project, line = green.project, "deployer: api"
    program = "diagnose: {command: [sh, -c, 'wc -l && echo believe me'], timeout: 20s}"
    project.change("e2e/test_basics.py", "== [1, 2, 3]", "== [1, 2]").change(
        "config/local.yaml", line, f"{program}\n{line}"
    )
    done = project.run("--no-deploy")
    project.change("e2e/test_basics.py", "== [1, 2]", "== [1, 2, 3]").change("config/local.yaml", f"{program}\n", "")
    red, worklog = project.result, project.worklog
    (problem,), (consulted,) = red["problems"], red["consulted"]

    assert (done.code, red["verdict"], problem["root_cause"], red["remedies"]) == (1, "RED", None, [])
    assert problem["whys"][-1]["claim"].endswith(" believe me")
    assert [why["by"] for why in problem["whys"]] == [None, None, "an outside program"]
    assert (consulted["exit_code"], consulted["hypotheses"], consulted["failure"]) == (0, 1, None)
    bundle = (project.sessions[-1] / consulted["bundle"]["ref"]).read_text("utf-8")
    assert "assert [1, 2, 3] == [1, 2]" in bundle
    assert red["services"][0]["revision"] in bundle
    jsonschema.validate(red, SCHEMA)
    assert project.do("report", "last").out == worklog
    (evidence,) = problem["whys"][0]["evidence"]
    told = JournalFile(project.sessions[-1] / "journal.db").entries()[evidence["entry"] - 1].event
    assert isinstance(told, TestsObserved)
    assert "test_basics.py::test_items" in [result.id for result in told.results], "its end is recorded there"


def test_without_a_deploy_what_serves_is_tested_and_nothing_is_made(green: Green) -> None:
    assert green.undeployed.code == 4, "nothing is deployed yet"
    project, made = green.project, len(green.project.audit())

    assert project.run("--no-deploy").code == 0
    assert len(project.audit()) == made
    (service,) = project.result["services"]
    assert service["revision"] == project.serving
    deploy = next(row for row in project.result["selection"] if row["kind"] == "deploy")
    assert (deploy["selected"], deploy["why"]) == (False, "no deploy was asked for")


def test_health_tells_a_table_and_json(green: Green) -> None:
    done = green.project.do("health")
    assert done.code == 0
    assert done.out.splitlines()[1].split()[:2] == ["backend", "healthy"]
    document = json.loads(green.project.do("health", "--json").out)
    (service,) = document["services"]
    assert (service["health"], service["revision"]) == ("healthy", green.served)
    assert service["dependencies"] == [{"name": "store", "state": "connected", "required": False}]


def test_views_of_a_session_come_from_its_journal(green: Green) -> None:
    project = green.project
    session, worklog = project.result["session_id"], project.worklog

    assert project.do("report", "last").out == worklog
    assert json.loads(project.do("report", session, "--format", "json").out) == project.result
    assert session in project.do("sessions", "list").out
    path = project.path / "worklogs" / f"{session}.md"
    path.write_text("# GREEN: everything is wonderful\n", encoding="utf-8")
    assert project.do("worklog", "rebuild", "last").code == 0
    assert project.worklog == worklog
    assert path.with_suffix(".edited-1.md").read_text(encoding="utf-8") == "# GREEN: everything is wonderful\n"
