"""Jobs through the unmodified gcloud, which speaks the v1 API."""

from tests.localrun.cloud import PLACE, Cloud
from tests.localrun.gcloud import Gcloud, check_forms, needs_gcloud
from tests.localrun.jobs import FOR_EVER, lines, wait_for_line

pytestmark = needs_gcloud

REPORT = 'echo "$TASTE $CLOUD_RUN_TASK_COUNT $*"; exit ${FAIL:-0}'


def test_a_job_lives_from_create_to_delete(cloud: Cloud, echo: str, job: str, gcloud: Gcloud) -> None:
    created = gcloud.json(
        "run", "jobs", "create", job, f"--image={echo}", "--command=/bin/sh", f"--args=-c,{REPORT},sh,always",
        "--set-env-vars=TASTE=sweet", "--tasks=2", "--max-retries=0", "--task-timeout=30s", "--labels=team=a",
    )  # fmt: skip
    task = created["spec"]["template"]["spec"]["template"]["spec"]
    assert (task["maxRetries"], task["timeoutSeconds"], task["containers"][0]["image"]) == (0, "30", echo)
    execution = gcloud.json("run", "jobs", "execute", job, "--wait")
    assert execution["status"]["succeededCount"] == 2
    assert lines(cloud, {"name": execution["metadata"]["name"]}) == ["sweet 2 always"] * 2
    other = gcloud.json(
        "run", "jobs", "execute", job, "--wait", "--tasks=1", "--task-timeout=20", "--update-env-vars=TASTE=sour",
        f"--args=-c,{REPORT},sh,this,time",
    )  # fmt: skip
    assert other["spec"]["template"]["spec"]["timeoutSeconds"] == "20"
    assert lines(cloud, {"name": other["metadata"]["name"]}) == ["sour 1 this time"]
    gcloud.json("run", "jobs", "update", job, "--update-env-vars=FAIL=3")
    assert "The execution failed." in gcloud("run", "jobs", "execute", job, "--wait").err
    described = gcloud.json("run", "jobs", "describe", job)
    assert (described["metadata"]["labels"]["team"], described["status"]["executionCount"]) == ("a", 3)
    assert described["status"]["latestCreatedExecution"]["completionStatus"] == "EXECUTION_FAILED"
    assert job in [item["metadata"]["name"] for item in gcloud.json("run", "jobs", "list")]
    gcloud.json("run", "jobs", "delete", job)
    assert cloud.http.get(f"/v2/{PLACE}/jobs/{job}").status_code == 404


def test_an_execution_is_listed_described_cancelled_and_deleted(
    cloud: Cloud, echo: str, job: str, gcloud: Gcloud
) -> None:
    gcloud.json(
        "run", "jobs", "deploy", job, f"--image={echo}", "--command=/bin/sh", f"--args=-c,{FOR_EVER}", "--execute-now"
    )
    (execution,) = gcloud.json("run", "jobs", "executions", "list", f"--job={job}", "--region=europe-west1")
    name = execution["metadata"]["name"]
    wait_for_line(cloud, {"name": name})
    (task,) = gcloud.json(
        "run", "jobs", "executions", "tasks", "list", f"--execution={name}", "--running", "--region=europe-west1"
    )
    assert task["metadata"]["name"] == f"{name}-task0"
    gcloud.json("run", "jobs", "executions", "cancel", name)
    cancelled = gcloud.json("run", "jobs", "executions", "describe", name)["status"]
    assert (cancelled["cancelledCount"], cancelled["conditions"][0]["reason"]) == (1, "Cancelled")
    gcloud.json("run", "jobs", "executions", "delete", name)
    assert cloud.get(f"/v2/{PLACE}/jobs/{job}/executions")["executions"] == []


def test_an_image_that_is_not_there_is_told(job: str, gcloud: Gcloud) -> None:
    assert "Image 'local/nothing' not found." in gcloud("run", "jobs", "create", job, "--image=local/nothing").err


def test_every_answer_is_of_the_form_that_google_publishes(gcloud: Gcloud) -> None:
    check_forms(gcloud, at_least=25)
