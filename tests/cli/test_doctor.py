"""`doctor`: what would keep a session from beginning, each with what to do about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netra_loop.adapters.cloudrun import CloudRun
from netra_loop.adapters.doctor.credentials import agreement, credentials
from netra_loop.adapters.locks import environment_lock
from netra_loop.core.environment import Environment
from netra_loop.core.preflight import State
from tests.adapters.servers import answer, answering
from tests.small_project import Project


def test_a_sound_project_can_begin_and_nothing_is_touched(untouched: Project) -> None:
    done = untouched.do("doctor")
    assert done.code == 0, done.out
    assert "failed" not in done.out
    assert not (untouched.path / ".netra-loop").exists()


def test_everything_that_fails_is_told_with_its_remedy(untouched: Project) -> None:
    untouched.change("config/local.yaml", "STORE: connected", "STORE: ")
    untouched.change("config/suites.yaml", "runner: pytest", "runner: pytest\n    python: gone/bin/python")
    done = untouched.do("doctor", "--json")
    found = {each["check"]: each for each in json.loads(done.out)["findings"]}
    failed = {name for name, each in found.items() if each["state"] == "failed"}
    assert (done.code, failed) == (8, {"variables", "interpreters"})
    assert found["variables"]["said"] == "backend needs STORE"
    assert all(found[name]["remedy"] for name in failed)


def test_a_plan_that_is_wrong_is_told_first(untouched: Project) -> None:
    untouched.change("phases/default.yaml", "version: 1", "version: 2")
    assert untouched.do("doctor").code == 2


def test_there_is_no_journal_to_verify_before_the_first_session(untouched: Project) -> None:
    assert untouched.do("doctor", "--verify", "last").code == 2


def test_what_a_deploy_would_meet_and_who_is_in_the_way_is_told(project: Project) -> None:
    assert project.run().code == 0
    project.change("e2e/test_basics.py", "== [1, 2, 3]", "== [1, 2]")
    assert project.run("--redeploy").code == 1
    locks = project.path / ".netra-loop" / "locks"
    held = environment_lock(locks, "local-project", "us-central1", "local")
    held.acquire("the environment", "another")
    done = project.do("doctor", "--json")
    held.release()

    found = {each["check"]: each for each in json.loads(done.out)["findings"]}
    assert (done.code, found["lock"]["state"]) == (8, "failed")
    assert "is held by session another" in found["lock"]["said"]
    assert found["cloud"]["said"] == "1 of 1 services are deployed"
    assert found["permissions"]["state"] == "ok"
    assert found["traffic"]["said"].startswith("pinned by revision name: backend to backend-ntl-")
    assert found["tags"]["said"].startswith("left by earlier sessions: ntl-")
    assert "sessions" not in found, "both came to a verdict"
    assert project.do("doctor").code == 0
    assert project.do("doctor", "--verify", "last").out.endswith(" entries holds\n")


def test_a_permission_that_is_missing_is_named() -> None:
    with answering(answer({"permissions": ["run.services.get"]})) as api:
        cloud = CloudRun(ENVIRONMENT, api.url)
        lacking = cloud.lacking("shop", ("run.services.get", "run.services.update"))

    assert lacking == ("run.services.update",)
    assert api.asked[0].startswith("POST /v2/projects/shop-staging/locations/europe-west1/services/shop:testIamPerm")


ENVIRONMENT = Environment("staging", "google", "shop-staging", "europe-west1", ())
SHELLS = {
    "says nothing": ({}, "ok"),
    "says the same": ({"GOOGLE_CLOUD_PROJECT": "shop-staging", "CLOUDSDK_RUN_REGION": "europe-west1"}, "ok"),
    "another project": ({"CLOUDSDK_CORE_PROJECT": "shop-production"}, "failed"),
    "another region": ({"CLOUDSDK_RUN_REGION": "us-central1"}, "failed"),
}


@pytest.mark.parametrize(("told", "state"), SHELLS.values(), ids=SHELLS)
def test_a_shell_that_means_another_place_than_the_plan_is_named(told: dict[str, str], state: str) -> None:
    found = agreement(ENVIRONMENT, told)

    assert found.state.value == state
    assert all(value in found.said for value in told.values())


def test_credentials_are_known_as_whom_and_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    found = credentials(3600.0)

    assert (found.state, found.check) == (State.FAILED, "credentials")
    assert "gcloud auth application-default login" in found.remedy
