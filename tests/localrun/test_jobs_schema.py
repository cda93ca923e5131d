"""Every answer about jobs is what the published messages allow, and what they do not allow is refused."""

from typing import Any

import pytest
from google.cloud import run_v2
from google.longrunning import operations_pb2
from hypothesis import given
from hypothesis import strategies as st

from netra_loop.localrun.api.jobs_knative_read import read_v1_job, read_v1_overrides
from netra_loop.localrun.errors import ApiError
from netra_loop.localrun.jobs.declaration import read_job, read_overrides
from tests.localrun.cloud import PLACE, Cloud
from tests.localrun.jobs import create_job, execute, job_body
from tests.localrun.test_admin_refusals import replace_something
from tests.localrun.test_schema import parse


def rich_job(image: str) -> dict[str, Any]:
    """A job that uses every field."""
    body = job_body(
        image, "exit 1", tasks=2, parallelism=1, maxRetries=1, timeout="90.5s", serviceAccount="me@x",
        executionEnvironment=2,
    )  # fmt: skip
    body["template"] |= {"labels": {"a": "b"}, "annotations": {"c": "d"}}
    container = body["template"]["template"]["containers"][0]
    container |= {"name": "main", "args": ["x"], "env": [{"name": "A", "value": "1"}]}
    container["resources"] = {"limits": {"cpu": "2", "memory": "1Gi"}}
    return body | {"labels": {"e": "f"}, "annotations": {"g": "h"}, "client": "tests", "launchStage": 4}


def test_jobs_executions_tasks_and_operations(cloud: Cloud, echo: str, job: str) -> None:
    create_job(cloud, job, rich_job(echo))
    begun = cloud.http.post(f"/v2/{PLACE}/jobs/{job}:run", json={})
    parse(begun.text, operations_pb2.Operation())
    cloud.finish(begun)
    execution = begun.json()["metadata"]["name"]
    path = f"/v2/{PLACE}/jobs"
    answers: dict[str, Any] = {
        path: run_v2.ListJobsResponse,
        f"{path}/{job}": run_v2.Job,
        f"{path}/{job}/executions": run_v2.ListExecutionsResponse,
        f"/v2/{execution}": run_v2.Execution,
        f"/v2/{execution}/tasks": run_v2.ListTasksResponse,
        f"/v2/{execution}/tasks/{execution.rpartition('/')[2]}-task0": run_v2.Task,
    }
    for address, message in answers.items():
        parse(cloud.http.get(address).text, message.pb()())
    parse(cloud.http.get(f"/v2/{begun.json()['name']}").text, operations_pb2.Operation())
    deleted = cloud.http.delete(f"/v2/{execution}")
    parse(deleted.text, operations_pb2.Operation())


def test_where_an_execution_says_its_logs_are_there_they_are(cloud: Cloud, echo: str, job: str) -> None:
    create_job(cloud, job, job_body(echo, "echo here"))
    first, second = execute(cloud, job), execute(cloud, job)
    entries = cloud.http.get(first["logUri"]).json()["entries"]
    assert [entry["textPayload"] for entry in entries] == ["here", "Container called exit(0)."]
    assert cloud.http.get(second["logUri"]).json()["entries"] != entries


def wrong(**task: Any) -> dict[str, Any]:
    return job_body("local/echo", "true", **task)


def wrong_container(**fields: Any) -> dict[str, Any]:
    return {"template": {"template": {"containers": [{"image": "local/echo", **fields}]}}}


REFUSED = {
    "no container": ({"template": {"template": {}}}, "template.template.containers: the embedded Cloud Run runs"),
    "no image": (wrong_container(image=""), "template.template.containers[0].image: must name an image"),
    "a reserved name": (
        wrong_container(env=[{"name": "CLOUD_RUN_TASK_INDEX", "value": "1"}]),
        "template.template.containers[0].env: the names CLOUD_RUN_TASK_INDEX are reserved",
    ),
    "a port": (wrong_container(ports=[{"containerPort": 8080}]), "containers[0].ports: the embedded Cloud Run does"),
    "too many retries": (wrong(maxRetries=11), "template.template.maxRetries: must be between 0 and 10, not 11"),
    "too many tasks": (wrong(tasks=10_001), "template.taskCount: must be between 0 and 10000, not 10001"),
    "a negative parallelism": (wrong(parallelism=-1), "template.parallelism: must be between 0 and 10000, not -1"),
    "no time": (wrong(timeout="0s"), "template.template.timeout: must be more than 0 and at most 604800 seconds"),
    "a volume": (wrong(volumes=[{"name": "v"}]), "template.template.volumes: the embedded Cloud Run does not support"),
    "a field nobody knows": (wrong() | {"colour": "red"}, 'Unknown name "colour" at ""'),
    "running at once": (wrong() | {"runExecutionToken": "t"}, "runExecutionToken: the embedded Cloud Run does not"),
}


@pytest.mark.parametrize(("body", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_job_is_refused_and_nothing_is_created(
    cloud: Cloud, job: str, body: dict[str, Any], message: str
) -> None:
    answer = cloud.http.post(f"/v2/{PLACE}/jobs", params={"jobId": job}, json=body)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert message in answer.json()["error"]["message"]
    assert cloud.http.get(f"/v2/{PLACE}/jobs/{job}").status_code == 404


V1_JOB = {
    "metadata": {"labels": {"a": "b"}, "annotations": {"run.googleapis.com/launch-stage": "BETA"}},
    "spec": {
        "template": {
            "metadata": {"annotations": {"run.googleapis.com/execution-environment": "gen1"}},
            "spec": {"taskCount": 1, "template": {"spec": {"containers": [{"image": "a"}], "timeoutSeconds": "9"}}},
        }
    },
}
RUN = {"overrides": {"containerOverrides": [{"args": ["a"], "env": [{"name": "A"}], "clearArgs": True}]}}
V1_RUN = {"overrides": {"taskCount": 2, "timeoutSeconds": 3}}


@given(data=st.data())
def test_whatever_stands_in_a_field_is_understood_or_refused(data: st.DataObject) -> None:
    read, body = data.draw(
        st.sampled_from(
            [
                (read_job, rich_job("a")),
                (read_overrides, RUN),
                (lambda v1: read_job(read_v1_job(v1)), V1_JOB),
                (lambda v1: read_overrides(read_v1_overrides(v1)), V1_RUN),
            ]
        )
    )
    try:
        read(replace_something(body, data))
    except ApiError as refusal:
        assert (refusal.code, refusal.status) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"colour": "red"}, 'Unknown name "colour" at "overrides"'),
        ({"taskCount": -1}, "overrides.taskCount: must be between 0 and 10000"),
        ({"timeout": "soon"}, "overrides.timeout: 'soon' is not a duration"),
        ({"containerOverrides": [{}, {}]}, "overrides.containerOverrides: the embedded Cloud Run runs exactly one"),
        (
            {"containerOverrides": [{"env": [{"name": "CLOUD_RUN_JOB"}]}]},
            "overrides.containerOverrides[0].env: the names CLOUD_RUN_JOB are reserved",
        ),
    ],
    ids=["unknown", "tasks", "timeout", "containers", "reserved"],
)
def test_wrong_overrides_are_refused_and_nothing_runs(
    cloud: Cloud, echo: str, job: str, overrides: dict[str, Any], message: str
) -> None:
    create_job(cloud, job, job_body(echo, "true"))
    answer = cloud.http.post(f"/v2/{PLACE}/jobs/{job}:run", json={"overrides": overrides})
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert message in answer.json()["error"]["message"]
    assert cloud.get(f"/v2/{PLACE}/jobs/{job}/executions")["executions"] == []


@pytest.mark.parametrize("name", ["", "Upper", "1digit", "under_score", "ends-", "a" * 64], ids=repr)
def test_a_wrong_job_name_is_refused(cloud: Cloud, name: str) -> None:
    answer = cloud.http.post(f"/v2/{PLACE}/jobs", params={"jobId": name}, json=wrong())
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_an_update_mask_is_refused_as_the_api_has_none_for_jobs(cloud: Cloud, echo: str, job: str) -> None:
    create_job(cloud, job, job_body(echo, "true"))
    answer = cloud.http.patch(f"/v2/{PLACE}/jobs/{job}", params={"updateMask": "labels"}, json=wrong())
    assert 'Unknown name "updateMask": Cannot bind query parameter' in answer.json()["error"]["message"]
