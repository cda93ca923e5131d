"""`gcloud run deploy --source`, unmodified: what it uploads is what serves."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.localrun.cloud import Cloud, write_echo_app

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")

APIS = ("run", "artifactregistry", "cloudbuild", "iam")


def environment(cloud: Cloud, config: Path) -> dict[str, str]:
    """What tells gcloud that the server is its proxy, and to ask for nothing over TLS."""
    overrides = {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api.upper()}": f"http://{api}.googleapis.com/" for api in APIS}
    return {name: value for name, value in os.environ.items() if not name.startswith("CLOUDSDK_")} | {
        **overrides,
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": "http://storage.googleapis.com/storage/v1/",
        "CLOUDSDK_CONFIG": str(config),
        "CLOUDSDK_CORE_PROJECT": "demo",
        "CLOUDSDK_RUN_REGION": "europe-west1",
        "CLOUDSDK_PROXY_TYPE": "http",
        "CLOUDSDK_PROXY_ADDRESS": "127.0.0.1",
        "CLOUDSDK_PROXY_PORT": str(urlsplit(cloud.url).port),
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_SHOULD_PROMPT_TO_ENABLE_API": "false",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
    }


class Gcloud:
    """gcloud with settings of its own. It sends what is larger than 5 MiB in chunks, here of 1 MiB."""

    def __init__(self, cloud: Cloud, config: Path) -> None:
        self._environment = environment(cloud, config) | {"CLOUDSDK_STORAGE_UPLOAD_CHUNK_SIZE": "1Mi"}

    def deploy(self, service: str, source: Path) -> "subprocess.CompletedProcess[str]":
        command = ["gcloud", "run", "deploy", service, f"--source={source}", "--no-allow-unauthenticated"]
        return subprocess.run(
            [*command, "--format=json", "--quiet"], env=self._environment, capture_output=True, text=True, timeout=60
        )


@pytest.fixture
def gcloud(cloud: Cloud, tmp_path: Path) -> Gcloud:
    return Gcloud(cloud, tmp_path / "gcloud")


def deployed(answer: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    """The status of the service that gcloud speaks of."""
    assert answer.returncode == 0, answer.stderr
    status: dict[str, Any] = json.loads(answer.stdout)["status"]
    return status


def test_a_source_is_deployed_and_its_change_is_a_new_revision_of_a_new_image(
    cloud: Cloud, gcloud: Gcloud, name: str, tmp_path: Path
) -> None:
    source = write_echo_app(tmp_path / "source")
    first = deployed(gcloud.deploy(name, source))
    assert cloud.http.get(first["url"]).json()["revision"] == first["latestReadyRevisionName"]
    (source / "blob").write_bytes(os.urandom(6_000_000))
    second = deployed(gcloud.deploy(name, source))
    assert cloud.http.get(second["url"]).json()["revision"] == second["latestReadyRevisionName"]
    images = [revision["containers"][0]["image"] for revision in cloud.revisions(name)]
    assert len(set(images)) == 2
    assert all(f"/cloud-run-source-deploy/{name}@sha256:" in image for image in images)


def test_a_source_without_a_procfile_is_refused_in_a_sentence(gcloud: Gcloud, name: str, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "app.py").touch()
    answer = gcloud.deploy(name, tmp_path / "source")
    assert answer.returncode == 1
    assert "there is no Procfile, so nothing says how to start it; add one" in answer.stderr
