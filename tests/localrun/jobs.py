"""Jobs for the tests: shell scripts that run in an image, and what became of them."""

from typing import Any

from tests.localrun.cloud import PLACE, Cloud, Document, until

FOR_EVER = "echo started; exec sleep 600"


def job_body(image: str, script: str, **task: Any) -> Document:
    """A v2 Job that runs a shell script; `tasks` and `parallelism` are those of its executions."""
    container = {"image": image, "command": ["/bin/sh", "-c", script]}
    execution = {"taskCount": task.pop("tasks", 1), "parallelism": task.pop("parallelism", 0)}
    return {"template": {**execution, "template": {"containers": [container], **task}}}


def create_job(cloud: Cloud, name: str, body: Document) -> Document:
    operation = cloud.finish(cloud.http.post(f"/v2/{PLACE}/jobs", params={"jobId": name}, json=body))
    assert "error" not in operation, operation["error"]
    document: Document = operation["response"]
    return document


def begin(cloud: Cloud, name: str, **overrides: Any) -> Document:
    """Run a job; returns the operation."""
    answer = cloud.http.post(f"/v2/{PLACE}/jobs/{name}:run", json={"overrides": overrides})
    assert answer.status_code == 200, answer.text
    document: Document = answer.json()
    return document


def execute(cloud: Cloud, name: str, **overrides: Any) -> Document:
    """Run a job and wait for the end; returns the execution."""
    return ended(cloud, str(begin(cloud, name, **overrides)["metadata"]["name"]))


def ended(cloud: Cloud, execution: str) -> Document:
    """The execution of this name, once it has ended."""
    found: Document = until(
        lambda: (now := cloud.get(f"/v2/{execution}")).get("completionTime") and now, f"{execution} has ended"
    )
    return found


def tasks_of(cloud: Cloud, execution: Document) -> list[Document]:
    tasks: list[Document] = cloud.get(f"/v2/{execution['name']}/tasks")["tasks"]
    return tasks


def condition(resource: Document, kind: str = "Completed") -> Document:
    found: Document = next(item for item in resource["conditions"] if item["type"] == kind)
    return found


def lines(cloud: Cloud, execution: Document, **labels: str) -> list[str]:
    """What the tasks of an execution wrote to stdout, oldest first."""
    name = execution["name"].rpartition("/")[2]
    wanted = {"execution_name": name, **labels}
    filter_ = " ".join(f'labels."run.googleapis.com/{key}"="{value}"' for key, value in wanted.items())
    entries = cloud.entries(f'{filter_} log_id("run.googleapis.com/stdout")')
    return [entry["textPayload"] for entry in entries]


def wait_for_line(cloud: Cloud, execution: Document, count: int = 1) -> None:
    """Wait until the tasks of an execution wrote some lines."""
    until(lambda: len(lines(cloud, execution)) >= count, f"{count} lines are written")
