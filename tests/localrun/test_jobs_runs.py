"""What running a job means: tasks, attempts, timeouts, the end and what is logged of it."""

from pathlib import Path

import pytest

from tests.localrun.cloud import PLACE, Cloud, is_alive, until, write_echo_app
from tests.localrun.jobs import (
    FOR_EVER,
    begin,
    condition,
    create_job,
    execute,
    job_body,
    lines,
    tasks_of,
    wait_for_line,
)


def test_an_execution_runs_its_tasks_and_tells_how_it_went(cloud: Cloud, echo: str, job: str) -> None:
    create_job(cloud, job, job_body(echo, "echo $CLOUD_RUN_TASK_INDEX", tasks=3))
    execution = execute(cloud, job)
    counts = {key: value for key, value in execution.items() if key.endswith("Count")}
    assert counts == {
        "taskCount": 3, "runningCount": 0, "succeededCount": 3, "failedCount": 0, "cancelledCount": 0,
        "retriedCount": 0,
    }  # fmt: skip
    assert execution["createTime"] <= execution["startTime"] <= execution["completionTime"]
    assert [(item["type"], item["state"]) for item in execution["conditions"]] == [
        (kind, "CONDITION_SUCCEEDED") for kind in ("Completed", "ResourcesAvailable", "Started", "ContainerReady")
    ]
    assert condition(execution)["message"].startswith("Execution completed successfully in ")
    assert sorted(lines(cloud, execution)) == ["0", "1", "2"]
    assert [(task["index"], task["lastAttemptResult"]) for task in tasks_of(cloud, execution)] == [
        (index, {"status": {}, "exitCode": 0}) for index in range(3)
    ]


def test_a_task_finds_a_clean_environment_and_the_contract_of_jobs(cloud: Cloud, echo: str, job: str) -> None:
    body = job_body(echo, "env")
    body["template"]["template"]["containers"][0]["env"] = [{"name": "PORT", "value": "mine"}]
    create_job(cloud, job, body)
    execution = execute(cloud, job)
    env = dict(line.split("=", 1) for line in lines(cloud, execution))
    ours = {"NETRA_LOOP_LOCAL", "PATH", "HOME", "LANG", "PYTHONDONTWRITEBYTECODE", "PWD", "OLDPWD", "SHLVL", "_"}
    assert {key: env[key] for key in env if key not in ours} == {
        "CLOUD_RUN_JOB": job,
        "CLOUD_RUN_EXECUTION": execution["name"].rpartition("/")[2],
        "CLOUD_RUN_TASK_INDEX": "0",
        "CLOUD_RUN_TASK_COUNT": "1",
        "CLOUD_RUN_TASK_ATTEMPT": "0",
        "PORT": "mine",
    }


def test_a_task_begins_in_its_working_folder(cloud: Cloud, echo: str, job: str, tmp_path: Path) -> None:
    body = job_body(echo, "pwd")
    body["template"]["template"]["containers"][0]["workingDir"] = str(tmp_path)
    create_job(cloud, job, body)
    assert lines(cloud, execute(cloud, job)) == [str(tmp_path)]


def test_without_a_command_it_runs_the_procfiles(cloud: Cloud, job: str, tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("web: echo hello\n")
    create_job(cloud, job, {"template": {"template": {"containers": [{"image": cloud.build(tmp_path, job)["image"]}]}}})
    assert lines(cloud, execute(cloud, job)) == ["hello"]


def test_a_failed_task_is_tried_again(cloud: Cloud, echo: str, job: str) -> None:
    create_job(cloud, job, job_body(echo, "echo $CLOUD_RUN_TASK_ATTEMPT; test $CLOUD_RUN_TASK_ATTEMPT = 2"))
    execution = execute(cloud, job)
    assert lines(cloud, execution) == ["0", "1", "2"]
    assert (execution["succeededCount"], execution["retriedCount"]) == (1, 2)
    assert [task["retried"] for task in tasks_of(cloud, execution)] == [2]


def test_after_the_last_attempt_the_execution_fails_and_the_other_tasks_run_to_their_end(
    cloud: Cloud, echo: str, job: str
) -> None:
    script = 'test "$CLOUD_RUN_TASK_INDEX" = 1 || exit 3; echo done'
    create_job(cloud, job, job_body(echo, script, tasks=2, parallelism=1, maxRetries=1))
    operation = cloud.finish(cloud.http.post(f"/v2/{PLACE}/jobs/{job}:run", json={}))
    execution = cloud.get(f"/v2/{operation['metadata']['name']}")
    task = f"{execution['name'].rpartition('/')[2]}-task0"
    said = f"Task {task} failed with exit code: 3 and message: The container exited with an error."
    assert operation["error"] == {"code": 10, "message": said}
    completed = condition(execution)
    assert (completed["state"], completed["message"]) == ("CONDITION_FAILED", said)
    assert completed["executionReason"] == "NON_ZERO_EXIT_CODE"
    assert (execution["failedCount"], execution["succeededCount"], execution["retriedCount"]) == (1, 1, 1)
    assert lines(cloud, execution) == ["done"]
    assert tasks_of(cloud, execution)[0]["lastAttemptResult"] == {
        "status": {"code": 10, "message": "The container exited with an error."}, "exitCode": 3,
    }  # fmt: skip
    assert cloud.get(f"/v2/{PLACE}/jobs/{job}")["latestCreatedExecution"]["completionStatus"] == "EXECUTION_FAILED"


def test_an_attempt_that_takes_too_long_is_ended_with_all_it_started(cloud: Cloud, echo: str, job: str) -> None:
    script = "trap '' TERM; setsid sleep 600 & echo $!; wait"
    create_job(cloud, job, job_body(echo, script, maxRetries=0, timeout="0.3s"))
    execution = execute(cloud, job)
    assert not is_alive(int(lines(cloud, execution)[0]))
    assert condition(execution)["message"].endswith("and message: The configured timeout was reached.")
    assert tasks_of(cloud, execution)[0]["lastAttemptResult"]["status"]["code"] == 4


def test_no_more_tasks_run_at_once_than_parallelism_says(cloud: Cloud, echo: str, job: str) -> None:
    create_job(cloud, job, job_body(echo, "true", tasks=4, parallelism=2))
    tasks = tasks_of(cloud, execute(cloud, job))
    for task in tasks:
        at_its_start = [other for other in tasks if other["startTime"] <= task["startTime"] < other["completionTime"]]
        assert len(at_its_start) <= 2


def test_without_parallelism_all_tasks_run_at_once(cloud: Cloud, echo: str, job: str) -> None:
    create_job(cloud, job, job_body(echo, FOR_EVER, tasks=3))
    execution = begin(cloud, job)["metadata"]
    assert execution["parallelism"] == 3
    wait_for_line(cloud, execution, 3)
    assert cloud.get(f"/v2/{execution['name']}")["runningCount"] == 3


def test_cancelling_ends_what_runs_and_starts_nothing_more(cloud: Cloud, echo: str, job: str) -> None:
    create_job(cloud, job, job_body(echo, FOR_EVER, tasks=2, parallelism=1))
    begun = begin(cloud, job)
    wait_for_line(cloud, begun["metadata"])
    cancelled = cloud.finish(cloud.http.post(f"/v2/{begun['metadata']['name']}:cancel", json={}))["response"]
    assert (cancelled["cancelledCount"], cancelled["runningCount"]) == (2, 0)
    assert (condition(cancelled)["message"], condition(cancelled)["executionReason"]) == (
        "Cancelled by user.",
        "CANCELLED",
    )
    assert cloud.get(f"/v2/{begun['name']}")["response"]["name"] == cancelled["name"]
    assert lines(cloud, cancelled) == ["started"]
    again = cloud.http.post(f"/v2/{cancelled['name']}:cancel", json={})
    assert (again.status_code, again.json()["error"]["status"]) == (400, "FAILED_PRECONDITION")


def test_a_running_execution_keeps_its_image_and_the_next_one_takes_the_new(
    cloud: Cloud, job: str, tmp_path: Path
) -> None:
    source = write_echo_app(tmp_path / "source")
    (source / "VERSION").write_text("one\n")
    cloud.build(source, job)
    script = f"until test -e {tmp_path}/go; do sleep 0.01; done; cat VERSION"
    create_job(cloud, job, job_body(f"local/{job}", script))
    old = begin(cloud, job)["metadata"]
    (source / "VERSION").write_text("two\n")
    built = cloud.build(source, job)
    (tmp_path / "go").touch()
    new = execute(cloud, job)
    until(lambda: cloud.get(f"/v2/{old['name']}").get("completionTime"), "the old one has ended")
    assert (lines(cloud, old), lines(cloud, new)) == (["one"], ["two"])
    assert new["template"]["containers"][0]["image"] == built["reference"]


def test_an_execution_whose_image_is_gone_fails(cloud: Cloud, job: str) -> None:
    answer = cloud.http.post(f"/v2/{PLACE}/jobs", params={"jobId": job}, json=job_body("local/nothing", "true"))
    assert cloud.finish(answer)["error"] == {"code": 5, "message": "Image 'local/nothing' not found."}
    assert cloud.get(f"/v2/{PLACE}/jobs/{job}")["terminalCondition"]["reason"] == "CONTAINER_MISSING"
    execution = execute(cloud, job)
    assert condition(execution, "ContainerReady")["state"] == "CONDITION_FAILED"
    assert (condition(execution)["message"], execution["failedCount"]) == ("Image 'local/nothing' not found.", 1)


def test_its_log_entries_are_those_of_a_job(cloud: Cloud, echo: str, job: str) -> None:
    script = """echo plain; echo '{"severity": "ERROR", "message": "m", "n": 1}'; echo loud >&2; exit 1"""
    create_job(cloud, job, job_body(echo, script, maxRetries=0))
    execution = execute(cloud, job)["name"].rpartition("/")[2]
    entries = cloud.entries(f'resource.type="cloud_run_job" resource.labels.job_name="{job}"')
    assert all(
        entry["resource"]["labels"] == {"project_id": "demo", "location": "europe-west1", "job_name": job}
        for entry in entries
    )
    labels = [{key: value for key, value in entry["labels"].items() if key != "instanceId"} for entry in entries]
    assert labels == 4 * [
        {
            "run.googleapis.com/execution_name": execution,
            "run.googleapis.com/task_index": "0",
            "run.googleapis.com/task_attempt": "0",
        }
    ]
    told = {entry["logName"].rpartition("%2F")[2]: entry for entry in entries}
    assert told["stdout"]["jsonPayload"] == {"message": "m", "n": 1}
    assert told["stderr"]["textPayload"] == "loud"
    assert (told["system"]["textPayload"], told["system"]["severity"]) == ("Container called exit(1).", "WARNING")
    assert len({entry["labels"]["instanceId"] for entry in entries}) == 1


@pytest.mark.parametrize("what", ["job", "execution"])
def test_deleting_ends_what_runs_and_leaves_nothing(cloud: Cloud, echo: str, job: str, what: str) -> None:
    create_job(cloud, job, job_body(echo, "echo $$; exec sleep 600"))
    begun = begin(cloud, job)
    execution = begun["metadata"]
    wait_for_line(cloud, execution)
    path = f"/v2/{PLACE}/jobs/{job}" if what == "job" else f"/v2/{execution['name']}"
    begun_delete = cloud.http.delete(path)
    assert cloud.http.get(path).status_code == cloud.http.get(f"/v2/{execution['name']}").status_code == 404
    assert cloud.finish(begun_delete)["response"]["deleteTime"]
    assert not is_alive(int(lines(cloud, execution)[0]))
    assert cloud.get(f"/v2/{begun['name']}")["response"]["cancelledCount"] == 1
