"""`gcloud run deploy --source`, unmodified: what it uploads is what serves."""

import os
from pathlib import Path

from tests.localrun.cloud import Cloud, write_echo_app
from tests.localrun.forked_gcloud import Said
from tests.localrun.gcloud import Gcloud, check_forms, needs_gcloud

pytestmark = needs_gcloud


def deploy(gcloud: Gcloud, service: str, source: Path) -> Said:
    command = ("run", "deploy", service, f"--source={source}", "--no-allow-unauthenticated")
    return gcloud(*command, "--format=json", "--quiet")


def test_a_source_is_deployed_and_its_change_is_a_new_revision_of_a_new_image(
    cloud: Cloud, gcloud: Gcloud, name: str, tmp_path: Path
) -> None:
    source = write_echo_app(tmp_path / "source")
    first = deploy(gcloud, name, source).document["status"]
    assert cloud.http.get(first["url"]).json()["revision"] == first["latestReadyRevisionName"]
    (source / "blob").write_bytes(os.urandom(6_000_000))
    second = deploy(gcloud, name, source).document["status"]
    assert cloud.http.get(second["url"]).json()["revision"] == second["latestReadyRevisionName"]
    images = [revision["containers"][0]["image"] for revision in cloud.revisions(name)]
    assert len(set(images)) == 2
    assert all(f"/cloud-run-source-deploy/{name}@sha256:" in image for image in images)


def test_a_source_without_a_procfile_is_refused_in_a_sentence(gcloud: Gcloud, name: str, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "app.py").touch()
    answer = deploy(gcloud, name, tmp_path / "source")
    assert answer.code == 1
    assert "there is no Procfile, so nothing says how to start it; add one" in answer.err


def test_every_answer_is_of_the_form_that_google_publishes(gcloud: Gcloud) -> None:
    check_forms(gcloud, at_least=25)
