"""Jobs through the v1 API, spoken plainly: selectors, pages, conflicts and translations."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.localrun.cloud import PLACE, Cloud
from tests.localrun.jobs import create_job, execute, job_body

NAMESPACE = "/apis/run.googleapis.com/v1/namespaces/demo"


@pytest.fixture
def region(cloud: Cloud) -> Iterator[httpx.Client]:
    """A client of the region's host, as gcloud is one: through the server as its proxy."""
    with httpx.Client(base_url="http://europe-west1-run.googleapis.com", proxy=cloud.url, trust_env=False) as client:
        yield client


def v1_body(name: str, image: str, **task: Any) -> dict[str, Any]:
    spec = {"containers": [{"image": image, "command": ["true"]}], **task}
    return {
        "apiVersion": "run.googleapis.com/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": {"spec": {"template": {"spec": spec}}}},
    }


def names(answer: httpx.Response) -> list[str]:
    return [item["metadata"]["name"] for item in answer.json()["items"]]


def test_what_was_read_can_be_written_back_and_changes_nothing(
    cloud: Cloud, echo: str, job: str, region: httpx.Client
) -> None:
    body = job_body(
        echo, "true", tasks=3, parallelism=2, maxRetries=0, timeout="90s", serviceAccount="me@x", executionEnvironment=2
    )
    body["template"] |= {"labels": {"a": "b"}, "annotations": {"c": "d"}}
    body["template"]["template"]["containers"][0] |= {"args": ["x"], "env": [{"name": "A", "value": "1"}]}
    create_job(cloud, job, body | {"labels": {"e": "f"}, "annotations": {"g": "h"}, "client": "me"})
    before = cloud.get(f"/v2/{PLACE}/jobs/{job}")
    read = region.get(f"{NAMESPACE}/jobs/{job}").json()
    assert region.put(f"{NAMESPACE}/jobs/{job}", json=read).status_code == 200
    after = cloud.get(f"/v2/{PLACE}/jobs/{job}")
    written = ("labels", "annotations", "client", "launchStage", "template")
    assert {key: after[key] for key in written} == {key: before[key] for key in written}
    assert after["generation"] == "2"
    conflict = region.put(f"{NAMESPACE}/jobs/{job}", json=read)
    assert (conflict.status_code, conflict.json()["error"]["status"]) == (409, "ABORTED")


def test_a_job_is_checked_as_in_v2(cloud: Cloud, echo: str, job: str, region: httpx.Client) -> None:
    refused = region.post(f"{NAMESPACE}/jobs", json=v1_body(job, echo, maxRetries=11))
    assert "template.template.maxRetries: must be between 0 and 10" in refused.json()["error"]["message"]
    checked = region.post(f"{NAMESPACE}/jobs", params={"dryRun": "all"}, json=v1_body(job, echo))
    assert (checked.status_code, cloud.http.get(f"/v2/{PLACE}/jobs/{job}").status_code) == (200, 404)
    assert region.post(f"{NAMESPACE}/jobs", json=v1_body(job, echo)).status_code == 200
    assert region.post(f"{NAMESPACE}/jobs", json=v1_body(job, echo)).status_code == 409


def test_executions_and_tasks_are_found_by_their_labels(
    cloud: Cloud, echo: str, job: str, region: httpx.Client
) -> None:
    create_job(cloud, job, job_body(echo, "test $CLOUD_RUN_TASK_INDEX = 0", tasks=3, maxRetries=0))
    older, newer = (execute(cloud, job)["name"].rpartition("/")[2] for _ in range(2))

    def found(kind: str, selector: str, **query: str) -> list[str]:
        return names(region.get(f"{NAMESPACE}/{kind}", params={"labelSelector": selector, **query}))

    of_job = f"run.googleapis.com/job = {job}"
    assert found("executions", of_job) == [newer, older]
    assert found("executions", of_job, limit="1") == [newer]
    assert found("executions", of_job, limit="1", **{"continue": "1"}) == [older]
    of_older = f"run.googleapis.com/execution={older}"
    assert found("tasks", of_older) == [f"{older}-task{index}" for index in range(3)]
    states = f"{of_older},run.googleapis.com/runningState"
    assert found("tasks", f"{states} in (Running, Succeeded)") == [f"{older}-task0"]
    assert found("tasks", f"{states} notin (Running, Succeeded)") == found("tasks", f"{states}!=Succeeded")
    assert region.get(f"{NAMESPACE}/tasks/{older}-task1").json()["status"]["lastAttemptResult"]["exitCode"] == 1
    assert region.get(f"{NAMESPACE}/tasks", params={"labelSelector": "what?"}).status_code == 400


@pytest.mark.parametrize("path", ["jobs/nobody", "executions/nobody", "tasks/nobody-task0"])
def test_what_is_not_there_is_not_found(region: httpx.Client, path: str) -> None:
    answer = region.get(f"{NAMESPACE}/{path}")
    kind = path.partition("s/")[0].upper()
    assert f"of kind '{kind}' in region 'europe-west1' in project 'demo' does not exist." in answer.text
    assert answer.status_code == 404


def test_jobs_of_all_regions_are_listed_where_none_is_named(cloud: Cloud, echo: str, job: str) -> None:
    create_job(cloud, job, job_body(echo, "true"))
    assert job in names(cloud.http.get(f"{NAMESPACE}/jobs"))
    assert cloud.http.get(f"{NAMESPACE}/jobs/{job}").status_code == 400
