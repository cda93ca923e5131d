"""Jobs through the unmodified gcloud, which speaks the v1 API."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.localrun.cloud import PLACE, Cloud
from tests.localrun.jobs import FOR_EVER, create_job, execute, lines, wait_for_line
from tests.localrun.test_jobs_schema import rich_job

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")

REPORT = 'echo "$TASTE $CLOUD_RUN_TASK_COUNT $*"; exit ${FAIL:-0}'
Gcloud = Callable[..., Any]


@pytest.fixture(scope="session")
def gcloud_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gcloud")


@pytest.fixture
def gcloud(cloud: Cloud, gcloud_folder: Path) -> Gcloud:
    """Runs `gcloud run jobs ARGUMENTS`; returns what it prints as JSON, or its words when it fails as expected."""
    address = urlsplit(cloud.url)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(gcloud_folder),
        "CLOUDSDK_CONFIG": str(gcloud_folder),
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_PROJECT": "demo",
        "CLOUDSDK_RUN_REGION": "europe-west1",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_SHOULD_PROMPT_TO_ENABLE_API": "false",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_SURVEY_DISABLE_PROMPTS": "true",
        "CLOUDSDK_PROXY_TYPE": "http",
        "CLOUDSDK_PROXY_ADDRESS": str(address.hostname),
        "CLOUDSDK_PROXY_PORT": str(address.port),
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN": "http://run.googleapis.com/",
    }

    def run(*arguments: str, fails: bool = False) -> Any:
        command = ["gcloud", "run", "jobs", *arguments, "--format=json"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
        assert (done.returncode != 0) == fails, done.stderr
        return done.stderr if fails else json.loads(done.stdout or "null")

    return run


def test_a_job_lives_from_create_to_delete(cloud: Cloud, echo: str, job: str, gcloud: Gcloud) -> None:
    created = gcloud(
        "create", job, f"--image={echo}", "--command=/bin/sh", f"--args=-c,{REPORT},sh,always",
        "--set-env-vars=TASTE=sweet", "--tasks=2", "--max-retries=0", "--task-timeout=30s", "--labels=team=a",
    )  # fmt: skip
    task = created["spec"]["template"]["spec"]["template"]["spec"]
    assert (task["maxRetries"], task["timeoutSeconds"], task["containers"][0]["image"]) == (0, "30", echo)
    execution = gcloud("execute", job, "--wait")
    assert execution["status"]["succeededCount"] == 2
    assert lines(cloud, {"name": execution["metadata"]["name"]}) == ["sweet 2 always"] * 2
    other = gcloud(
        "execute", job, "--wait", "--tasks=1", "--task-timeout=20", "--update-env-vars=TASTE=sour",
        f"--args=-c,{REPORT},sh,this,time",
    )  # fmt: skip
    assert other["spec"]["template"]["spec"]["timeoutSeconds"] == "20"
    assert lines(cloud, {"name": other["metadata"]["name"]}) == ["sour 1 this time"]
    gcloud("update", job, "--update-env-vars=FAIL=3")
    assert "The execution failed." in gcloud("execute", job, "--wait", fails=True)
    described = gcloud("describe", job)
    assert (described["metadata"]["labels"]["team"], described["status"]["executionCount"]) == ("a", 3)
    assert described["status"]["latestCreatedExecution"]["completionStatus"] == "EXECUTION_FAILED"
    assert job in [item["metadata"]["name"] for item in gcloud("list")]
    gcloud("delete", job)
    assert cloud.http.get(f"/v2/{PLACE}/jobs/{job}").status_code == 404


def test_an_execution_is_listed_described_cancelled_and_deleted(
    cloud: Cloud, echo: str, job: str, gcloud: Gcloud
) -> None:
    gcloud("deploy", job, f"--image={echo}", "--command=/bin/sh", f"--args=-c,{FOR_EVER}", "--execute-now")
    (execution,) = gcloud("executions", "list", f"--job={job}", "--region=europe-west1")
    name = execution["metadata"]["name"]
    wait_for_line(cloud, {"name": name})
    (task,) = gcloud("executions", "tasks", "list", f"--execution={name}", "--running", "--region=europe-west1")
    assert task["metadata"]["name"] == f"{name}-task0"
    gcloud("executions", "cancel", name)
    cancelled = gcloud("executions", "describe", name)["status"]
    assert (cancelled["cancelledCount"], cancelled["conditions"][0]["reason"]) == (1, "Cancelled")
    gcloud("executions", "delete", name)
    assert cloud.get(f"/v2/{PLACE}/jobs/{job}/executions")["executions"] == []


STRICT = """
import json, sys
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/third_party"]
from apitools.base.py import encoding
from googlecloudsdk.generated_clients.apis.run.v1 import run_v1_messages

def unknown(message, path):
    found = [f"{path}.{name}" for name in message.all_unrecognized_fields()]
    for field in message.all_fields():
        value = getattr(message, field.name)
        for item in value if isinstance(value, list) else [value]:
            if hasattr(item, "all_unrecognized_fields") and field.name != "additionalProperties":
                found += unknown(item, f"{path}.{field.name}")
    return found

answers = json.load(sys.stdin)
print([name for kind, text in answers for name in
       unknown(encoding.JsonToMessage(getattr(run_v1_messages, kind), text), kind)])
"""


def test_every_answer_is_what_gclouds_own_messages_allow(cloud: Cloud, echo: str, job: str) -> None:
    create_job(cloud, job, rich_job(echo))
    execution = execute(cloud, job)["name"].rpartition("/")[2]
    space = "http://europe-west1-run.googleapis.com/apis/run.googleapis.com/v1/namespaces/demo"
    with httpx.Client(proxy=cloud.url, trust_env=False) as client:
        answers = [
            ("Job", client.get(f"{space}/jobs/{job}").text),
            ("ListJobsResponse", client.get(f"{space}/jobs").text),
            ("Execution", client.get(f"{space}/executions/{execution}").text),
            ("ListExecutionsResponse", client.get(f"{space}/executions", params={"limit": "1"}).text),
            ("Task", client.get(f"{space}/tasks/{execution}-task0").text),
            ("ListTasksResponse", client.get(f"{space}/tasks").text),
            ("Status", client.delete(f"{space}/executions/{execution}").text),
        ]
    library = Path(shutil.which("gcloud") or "").resolve().parent.parent / "lib"
    command = [sys.executable, "-I", "-c", STRICT, str(library)]
    done = subprocess.run(command, input=json.dumps(answers), capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr


def test_an_image_that_is_not_there_is_told(job: str, gcloud: Gcloud) -> None:
    assert "Image 'local/nothing' not found." in gcloud("create", job, "--image=local/nothing", fails=True)
