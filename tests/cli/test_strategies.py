"""How a new revision gets its traffic, in whole sessions: from the start, in stages, by a step of the plan."""

from __future__ import annotations

from typing import Any

from tests.small_project import PLAN, Project

STAGES = "promote: {strategy: gradual, stages: [40%, 70%], hold: 100ms, samples: 3}\n"
FRAGILE = (
    '        known = self.path in ("/", "/health", "/items")\n',
    '        known = self.path in ("/", "/health", "/items")\n'
    "        Handler.asked = getattr(Handler, 'asked', 0) + (self.path == '/health')\n"
    "        known = known and Handler.asked < 10\n",
)
PEERS = """
version: 1
name: default
environment: local
phases:
  - {id: first, steps: [{id: backend, deploy: backend}]}
  - {id: promote, steps: [{id: promote, promote: backend}]}
  - {id: second, steps: [{id: frontend, deploy: frontend, strategy: direct}]}
  - {id: suites, steps: [{id: suites, suite: all}]}
"""
FRONTEND = """
  frontend:
    source: backend
    peers: {backend: {variable: STORE, candidate: true}}
    identity: {path: /health, header: X-Revision}
"""
TOLD = """
import json, os, urllib.request

def test_the_frontend_is_told_what_everybody_uses():
    with urllib.request.urlopen(os.environ["FRONTEND_URL"] + "/", timeout=10) as answer:
        assert json.load(answer)["store"] == os.environ["BACKEND_URL"]
"""


def service(project: Project, name: str = "backend") -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in project.result["services"] if each["name"] == name)
    return found


def shifts(project: Project) -> list[tuple[str, str]]:
    return [(shift["id"], shift["outcome"]) for shift in project.result["iterations"][-1]["shifts"]]


def another_revision(project: Project) -> Project:
    """The same service with another comment: there is something to deploy."""
    return project.change("backend/app.py", "\nimport json, os\n", "\nimport json, os\n# another\n")


def test_in_stages_only_as_long_as_the_new_revision_is_good(project: Project) -> None:
    project.write("phases/default.yaml", PLAN.replace("phases:\n", STAGES + "phases:\n"))
    assert project.run().code == 0
    assert "(`nothing served before, so there was nothing to try it beside`)" in project.worklog
    first = service(project)
    assert (first["strategy"], first["stages"]) == ("direct", [])

    assert another_revision(project).run().code == 0
    gradual = service(project)
    assert gradual["strategy"] == "gradual"
    assert [stage["percent"] for stage in gradual["stages"]] == [40, 70]
    assert all(stage["samples"] >= 3 and not stage["bad"] for stage in gradual["stages"])
    assert project.serving == gradual["revision"]
    assert f"40 % for {gradual['stages'][0]['watched_s']} s: " in project.worklog

    assert project.change("backend/app.py", *FRAGILE).run().code == 1
    assert shifts(project) == [("promote-backend", "failed"), ("restore-backend", "passed")]
    assert project.serving == gradual["revision"]
    (reason,) = project.result["iterations"][0]["shifts"][0]["reasons"]
    assert reason.startswith("at 40 %: HTTP 404")


def test_what_got_its_traffic_at_once_loses_it_when_tests_are_red(project: Project) -> None:
    assert project.run().code == 0
    good = project.serving
    project.write("phases/default.yaml", PLAN.replace("deploy: all", "deploy: all, strategy: direct"))
    project.change("backend/app.py", "[1, 2, 3]", "[1, 2]")

    assert project.run().code == 1
    assert shifts(project) == [("promote-backend", "passed"), ("restore-backend", "passed")]
    assert (project.serving, service(project)["serving_revision"]) == (good, good)
    assert service(project)["strategy"] == "direct"
    assert project.suite["counts"]["failed"] == 1

    project.change("backend/app.py", "[1, 2]", "[1, 2, 3, 4][:3]")
    assert project.run().code == 0
    assert project.serving == service(project)["revision"] != good


def test_services_are_told_the_base_urls_of_their_peers_and_what_follows_a_promotion_tests_what_users_get(
    project: Project,
) -> None:
    environment = (project.path / "config" / "local.yaml").read_text(encoding="utf-8")
    project.write("config/local.yaml", environment + FRONTEND).write("phases/default.yaml", PEERS)
    project.write("e2e/test_told.py", TOLD).change("config/suites.yaml", "[test_basics.py]", "[.]")
    for _ in range(2):
        assert project.run().code == 0, project.worklog
        backend, frontend = service(project), service(project, "frontend")
        assert project.suite["counts"]["passed"] == 4
        assert backend["serving_revision"] == backend["revision"]
        assert frontend["serving_revision"] == frontend["revision"]
        another_revision(project)
    assert shifts(project) == [("promote", "passed"), ("promote-frontend", "passed")]
