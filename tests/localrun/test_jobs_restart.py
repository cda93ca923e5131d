"""What becomes of jobs when their server ends, in whatever way."""

from collections.abc import Callable
from pathlib import Path

from tests.localrun.cloud import PLACE, Cloud, until, write_echo_app
from tests.localrun.jobs import (
    FOR_EVER,
    begin,
    condition,
    create_job,
    ended,
    execute,
    job_body,
    lines,
    tasks_of,
    wait_for_line,
)

StartCloud = Callable[..., Cloud]
STUCK_AT_FIRST = f'test "$CLOUD_RUN_TASK_ATTEMPT" = 1 && exit; {FOR_EVER}'


def test_a_killed_servers_jobs_are_there_again_with_all_that_they_did(own_cloud: StartCloud, tmp_path: Path) -> None:
    cloud = own_cloud()
    image = cloud.build(write_echo_app(tmp_path / "source"))["reference"]
    create_job(cloud, "done", job_body(image, "true", tasks=2))
    begun = begin(cloud, "done")
    execution = ended(cloud, begun["metadata"]["name"])
    create_job(cloud, "gone", job_body(image, "true"))
    execute(cloud, "gone")
    cloud.finish(cloud.http.delete(f"/v2/{PLACE}/jobs/gone"))
    job, tasks = cloud.get(f"/v2/{PLACE}/jobs/done"), tasks_of(cloud, execution)
    cloud.kill()
    again = own_cloud()
    assert again.get(f"/v2/{PLACE}/jobs")["jobs"] == [job]
    without_address = {"logUri": ""}
    assert again.get(f"/v2/{execution['name']}") | without_address == execution | without_address
    assert [task | without_address for task in tasks_of(again, execution)] == [task | without_address for task in tasks]
    operation = again.finish(again.http.get(f"/v2/{begun['name']}"))
    assert operation["response"]["name"] == execution["name"]
    assert again.http.get(f"/v2/{PLACE}/jobs/gone/executions").status_code == 404


def test_an_execution_goes_on_after_its_server_was_killed(own_cloud: StartCloud, tmp_path: Path) -> None:
    cloud = own_cloud()
    image = cloud.build(write_echo_app(tmp_path / "source"))["reference"]
    create_job(cloud, "stuck", job_body(image, STUCK_AT_FIRST, tasks=3, parallelism=2))
    begun = begin(cloud, "stuck")
    wait_for_line(cloud, begun["metadata"], 2)
    cloud.kill()
    again = own_cloud()
    wait_for_line(again, begun["metadata"])  # the first attempt at the third task, while one of the two may still run
    name = begun["metadata"]["name"]
    until(lambda: again.get(f"/v2/{name}").get("succeededCount") == 2, "both tasks that were cut off have succeeded")
    retried = [task["retried"] for task in tasks_of(again, begun["metadata"])]
    assert retried == [1, 1, 0]
    cancelled = again.finish(again.http.post(f"/v2/{begun['metadata']['name']}:cancel", json={}))["response"]
    assert (cancelled["succeededCount"], cancelled["cancelledCount"]) == (2, 1)
    assert again.finish(again.http.get(f"/v2/{begun['name']}"))["response"]["name"] == cancelled["name"]


def test_without_an_attempt_left_it_fails_and_says_that_the_server_ended(own_cloud: StartCloud, tmp_path: Path) -> None:
    cloud = own_cloud()
    image = cloud.build(write_echo_app(tmp_path / "source"))["reference"]
    create_job(cloud, "once", job_body(image, FOR_EVER, maxRetries=0))
    begun = begin(cloud, "once")
    wait_for_line(cloud, begun["metadata"])
    assert cloud.stop() == 0
    again = own_cloud()
    execution = ended(again, begun["metadata"]["name"])
    assert condition(execution)["message"].endswith("and message: The server ended while the task was running.")
    assert again.finish(again.http.get(f"/v2/{begun['name']}"))["error"]["code"] == 10
    assert lines(again, execution) == ["started"]


def test_what_was_being_cancelled_is_cancelled(own_cloud: StartCloud, tmp_path: Path) -> None:
    cloud = own_cloud("--grace-seconds", "0.5")
    image = cloud.build(write_echo_app(tmp_path / "source"))["reference"]
    create_job(cloud, "deaf", job_body(image, "trap '' TERM; echo started; while :; do sleep 1; done", maxRetries=0))
    begun = begin(cloud, "deaf")["metadata"]
    wait_for_line(cloud, begun)
    cancelling = cloud.http.post(f"/v2/{begun['name']}:cancel", json={})
    cloud.kill()
    again = own_cloud()
    cancelled = again.finish(again.http.get(f"/v2/{cancelling.json()['name']}"))["response"]
    assert (cancelled["cancelledCount"], condition(cancelled)["executionReason"]) == (1, "CANCELLED")


def test_a_running_execution_keeps_the_server_from_being_idle(own_cloud: StartCloud, tmp_path: Path) -> None:
    cloud = own_cloud("--idle-minutes", "0.05")
    image = cloud.build(write_echo_app(tmp_path / "source"))["reference"]
    create_job(cloud, "long", job_body(image, f"sleep 4; touch {tmp_path}/done"))
    begin(cloud, "long")
    assert cloud.process.wait(20) == 0
    assert (tmp_path / "done").exists()
