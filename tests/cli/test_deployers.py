"""Who makes revisions: gcloud, whose word is not taken for anything, or the Admin API."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from netra_loop.adapters.embedded import Embedded
from netra_loop.adapters.gcloud import installed
from tests.adapters.children import wait_until
from tests.small_project import Project

needs_gcloud = pytest.mark.skipif(not installed(), reason="gcloud is not installed")

LYING = """#!{python}
import json, os, pathlib, sys, time, urllib.request
here = pathlib.Path(__file__).parent
(here / "argv.json").write_text(json.dumps(sys.argv))
variables = pathlib.Path(sys.argv[sys.argv.index("--env-vars-file") + 1])
mode = oct(variables.stat().st_mode & 0o777)
(here / "variables.json").write_text(json.dumps([mode, json.loads(variables.read_text())]))
{lie}
"""
DEPLOY = """
def option(name):
    return sys.argv[sys.argv.index(name) + 1]
port = os.environ["CLOUDSDK_PROXY_PORT"]
state = json.loads(next(here.parent.glob(".netra-loop/local/server.json")).read_text())
def ask(path, body, **headers):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), headers)
    return json.load(urllib.request.urlopen(request))
image = ask("/_local/build", {"name": "lied", "source": str(here.parent / "backend")},
    **{"x-netra-local-token": state["token"]})["reference"]
labels = dict(each.split("=") for each in option("--labels").split(","))
env = [{"name": name, "value": value} for name, value in json.loads(variables.read_text()).items()]
place = f"projects/{option('--project')}/locations/{option('--region')}"
service, revision = sys.argv[3], sys.argv[3] + "-" + option("--revision-suffix")
template = {"revision": revision, "labels": labels, "containers": [{"image": image, "env": env}]}
ask(f"/v2/{place}/services?serviceId={service}", {"template": template})
"""
MOVED = """
place = "{url}/v2/projects/local-project/locations/us-central1/services/backend"
def read():
    return json.load(urllib.request.urlopen(place))
def patch(mask, body):
    request = urllib.request.Request(f"{place}?updateMask={mask}", json.dumps(body).encode(), method="PATCH")
    name = json.load(urllib.request.urlopen(request))["name"]
    while not json.load(urllib.request.urlopen(f"{url}/v2/{name}"))["done"]:
        time.sleep(0.05)
url = place.partition("/v2/")[0]
another = read()["template"] | {"revision": "", "labels": {"by": "another"}}
patch("template,traffic", {"template": another, "traffic": []})
"""
ADDED = """
def option(name):
    return sys.argv[sys.argv.index(name) + 1]
labels = dict(each.split("=") for each in option("--labels").split(","))
revision = "backend-" + option("--revision-suffix")
kind = "TRAFFIC_TARGET_ALLOCATION_TYPE_"
patch("template,traffic", {"template": read()["template"] | {"revision": revision, "labels": labels}, "traffic": [
    {"type": kind + "REVISION", "revision": read()["latestReadyRevision"].rpartition("/")[2], "percent": 100},
    {"type": kind + "REVISION", "revision": revision, "tag": option("--tag")}]})
"""


def deploys_by(project: Project, deployer: str) -> Project:
    return project.change("config/local.yaml", "deployer: api", f"deployer: {deployer}")


def lying_gcloud(project: Project, lie: str) -> dict[str, str]:
    """A gcloud that is not one, and the PATH in which it comes first."""
    script = project.path / "bin" / "gcloud"
    project.write("bin/gcloud", LYING.replace("{python}", sys.executable).replace("{lie}", lie))
    script.chmod(0o755)
    return {"PATH": f"{script.parent}{os.pathsep}{os.environ['PATH']}"}


def without_gcloud(project: Project) -> dict[str, str]:
    """A PATH with what the tests need and no gcloud."""
    folder = project.path / "bin"
    folder.mkdir()
    for name in ("sh", "git"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return {"PATH": str(folder)}


def first_worklog(project: Project) -> str:
    return min((project.path / "worklogs").glob("*.md")).read_text()


def deploy_step(project: Project) -> dict[str, Any]:
    step = project.result["iterations"][-1]["phases"][0]["steps"][0]
    assert isinstance(step, dict)
    return step


def test_who_asks_for_gcloud_and_has_none_is_told_before_anything_happens(project: Project) -> None:
    done = deploys_by(project, "gcloud").run(**without_gcloud(project))
    assert (done.code, project.sessions) == (8, [])
    assert "gcloud is not installed" in done.err
    assert "deployer: api" in done.err


def test_google_builds_a_source_folder_only_for_gcloud(project: Project) -> None:
    project.change("config/local.yaml", "endpoint: embedded", "endpoint: google")
    done = project.run()
    assert (done.code, project.sessions) == (8, [])
    assert "backend: only gcloud has a source folder built by Google\nnext: install gcloud" in done.err


def test_without_gcloud_the_api_makes_the_revision(project: Project) -> None:
    done = deploys_by(project, "auto").run(**without_gcloud(project))
    assert done.code == 0
    assert "POST v2/projects/local-project" in project.worklog


def test_g2_a_gcloud_that_says_all_is_well_and_made_nothing_is_not_believed(project: Project) -> None:
    done = deploys_by(project, "gcloud").run(**lying_gcloud(project, "print('{}')"))
    assert done.code == 4
    assert "there is no revision backend-ntl-" in deploy_step(project)["reasons"][0]


def test_g2_a_gcloud_that_fails_is_quoted(project: Project) -> None:
    done = deploys_by(project, "gcloud").run(**lying_gcloud(project, "sys.exit('ERROR: no such project')"))
    assert done.code == 4
    assert "gcloud ended with exit 1: ERROR: no such project" in deploy_step(project)["reasons"][0]


REFUSALS = {
    "g3 a sign-in that has run out": ("Reauthentication required.", "(sign in again: `gcloud auth login`)"),
    "g14 a quota": ("Quota exceeded for quota metric 'Write requests'", "(a quota is used up; wait, or ask for more)"),
    "g2 an interruption": ("Creating Revision....interrupted", "(it may have been cut off; run again"),
    "g2 garbage": ('{"status": NaN, "status": ', "gcloud ended with exit 1: "),
}


@pytest.mark.parametrize(("words", "told"), REFUSALS.values(), ids=REFUSALS)
def test_what_gcloud_refuses_ends_with_four_and_what_to_do(project: Project, words: str, told: str) -> None:
    lie = f"print({words!r}); sys.exit(1)"
    assert deploys_by(project, "gcloud").run(**lying_gcloud(project, lie)).code == 4
    assert told in deploy_step(project)["reasons"][0]
    assert project.result["verdict"] == "ERROR"


def test_g2_g5_what_gcloud_made_counts_although_it_says_that_it_failed(project: Project) -> None:
    done = deploys_by(project, "gcloud").run(**lying_gcloud(project, DEPLOY + "sys.exit(1)"))
    assert done.code == 0
    assert project.serving == project.result["services"][0]["revision"]


def test_g1_a_gcloud_that_hangs_is_ended_at_its_deadline(project: Project) -> None:
    project.change("phases/default.yaml", "deploy: all}", "deploy: all, timeout: 5s}")
    done = deploys_by(project, "gcloud").run(**lying_gcloud(project, "time.sleep(600)"))
    assert done.code == 4
    reason = deploy_step(project)["reasons"][0]
    assert "gcloud did not end in its time" in reason or reason == "timed_out"  # with the act, if that takes too long


def test_a_services_variables_stand_in_a_file_for_us_alone_that_is_gone_afterwards(project: Project) -> None:
    project.change("config/local.yaml", "{STORE: connected}", "{STORE: connected, HIDDEN: }")
    environment = lying_gcloud(project, "sys.exit(1)")
    assert deploys_by(project, "gcloud").run(**environment, HIDDEN="canary-7741").code == 4
    argv = json.loads((project.path / "bin/argv.json").read_text())
    mode, variables = json.loads((project.path / "bin/variables.json").read_text())
    assert (mode, variables["HIDDEN"]) == ("0o600", "canary-7741")
    assert not any("canary-7741" in word for word in argv)
    kept = [path for path in (project.path / ".netra-loop").rglob("*") if path.is_file()]
    assert not [path for path in kept if b"canary-7741" in path.read_bytes()]
    assert not Path(argv[argv.index("--env-vars-file") + 1]).exists()


def test_the_variables_that_a_killed_session_left_are_gone_after_its_resumption(project: Project) -> None:
    hang = "if not (here / 'hung').exists():\n    (here / 'hung').touch()\n    time.sleep(600)\n" + DEPLOY
    environment = lying_gcloud(project, hang)
    session = deploys_by(project, "gcloud").start("run", **environment)
    wait_until((project.path / "bin/hung").exists)
    session.kill()
    session.join()
    assert list(project.path.glob(".netra-loop/sessions/*/.variables-*"))
    assert project.do("resume", "last", **environment).code == 0
    assert not list(project.path.glob(".netra-loop/sessions/*/.variables-*"))


@needs_gcloud
def test_gcloud_and_the_api_end_the_same_and_gcloud_keeps_no_log_of_the_variables(project: Project) -> None:
    project.change("config/local.yaml", "{STORE: connected}", "{STORE: connected, HIDDEN: }")
    told = {}
    for deployer, previous in (("gcloud", "api"), ("gcloud", "gcloud"), ("api", "gcloud")):
        project.change("config/local.yaml", f"deployer: {previous}", f"deployer: {deployer}")
        assert project.run(HIDDEN="canary-7741").code == 0
        (deployed,) = project.result["services"]
        assert project.serving == deployed["revision"]
        told[deployer] = (project.suite["counts"], project.suite["proof"], deployed["health"])
    assert "gcloud run deploy backend --source backend" in first_worklog(project)
    assert told["gcloud"] == told["api"]
    kept = [path for path in (project.path / ".netra-loop/local/gcloud").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if b"canary-7741" in path.read_bytes()]


@needs_gcloud
def test_a_shell_that_takes_over_what_local_env_prints_has_gcloud_speak_to_the_embedded_one(project: Project) -> None:
    assert project.do("local", "up").code == 0
    exports = project.do("local", "env").out
    script = f"{exports}\ngcloud run regions list --format='value(locationId)' --limit=1; gcloud config get project"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "asia-northeast1\nlocal-project\n"


def test_a_fault_is_armed_met_by_a_session_and_cleared(project: Project) -> None:
    assert project.do("local", "up").code == 0
    armed = project.do("local", "fault", "never-ready", "--service", "backend")
    assert armed.out.splitlines()[1].split() == ["never-ready", "backend", "5", "s", "1"]
    assert project.run().code == 1
    assert "is not ready" in deploy_step(project)["reasons"][0]
    assert project.do("local", "fault").out == "no fault is armed\n"
    unknown = project.do("local", "fault", "rain")
    assert (unknown.code, "'rain' is no fault; known are unavailable" in unknown.err) == (8, True)
    assert project.do("local", "fault", "late-logs", "--clear").out.startswith("FAULT")


def test_g9_somebody_who_deploys_in_between_is_told_and_not_overwritten(project: Project) -> None:
    assert project.run().code == 0
    assert project.do("local", "fault", "foreign-writer", "--service", "backend").code == 0
    assert project.run("--redeploy").code == 9
    assert "Conflict for resource 'backend'" in deploy_step(project)["reasons"][1]


def test_g14_a_bad_day_of_the_api_is_survived(project: Project) -> None:
    assert project.do("local", "up").code == 0
    told = json.loads(next(project.path.glob(".netra-loop/local/server.json")).read_text())
    server = Embedded(told["url"], told["token"], told["pid"])
    for fault in ("unavailable", "too-many-requests", "dropped-answer", "slow-operation", "late-ready"):
        server.arm(fault, "backend", 0.5, 1)
    assert project.run().code == 0
    assert server.faults() == []
