"""Somebody else deploys while tests run: nothing that they said counts, and the session says who changed what."""

from __future__ import annotations

from tests.small_project import SUITE, Project

DEPLOYS = """
import pathlib, time

def test_g9_somebody_deploys_meanwhile():
    folder = pathlib.Path(__file__).parents[1] / ".netra-loop" / "local"
    url = json.loads((folder / "server.json").read_text())["url"]
    place = f"{url}/v2/projects/local-project/locations/us-central1/services/backend"
    def ask(path, method="GET", body=None):
        request = urllib.request.Request(path, json.dumps(body).encode() if body else None, method=method)
        return json.load(urllib.request.urlopen(request))
    template = ask(place)["template"] | {"revision": "", "labels": {"by": "another"}}
    operation = ask(f"{place}?updateMask=template,traffic", "PATCH", {"template": template, "traffic": []})["name"]
    while not ask(f"{url}/v2/{operation}")["done"]:
        time.sleep(0.02)
    assert get("/health")["status"] == "healthy"
"""


def test_g9_a_revision_that_changes_under_the_tests_invalidates_them(project: Project) -> None:
    project.write("e2e/test_basics.py", SUITE + DEPLOYS)
    for tested_at in ("its base URL", "its candidate's"):
        done = project.run()
        assert done.code == 9, f"{tested_at}: {done.out}"
        assert project.result["verdict"] == "INCOMPLETE", f"{tested_at}: {project.result['reason']} {done.out}"
        assert (project.suite["outcome"], project.suite["reasons"][0]) == ("incomplete", "invalidated")
        (service,) = project.result["services"]
        assert project.worklog.startswith("# INCOMPLETE, INVALIDATED: 0 counted passes of 4 collected tests\n")
        assert (
            f"somebody else changed backend while basics ran ({service['revision']} before" in project.result["reason"]
        )
        assert not project.serving.startswith("backend-ntl-"), "what somebody else deployed is left alone"
