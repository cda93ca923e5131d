"""Jobs through the unmodified google-cloud-run client."""

import pytest
from google.api_core import exceptions
from google.cloud import run_v2
from google.protobuf import duration_pb2

from tests.localrun.cloud import PLACE, Cloud, finished
from tests.localrun.jobs import lines

SUCCEEDED = run_v2.Condition.State.CONDITION_SUCCEEDED
Overrides = run_v2.RunJobRequest.Overrides
REPORT = 'echo "$TASTE $CLOUD_RUN_TASK_COUNT $*"'


def job_message(image: str, *command: str, **task: int) -> run_v2.Job:
    variables = [run_v2.EnvVar(name="TASTE", value="sweet")]
    container = run_v2.Container(image=image, command=command or ["true"], env=variables)
    return run_v2.Job(template=run_v2.ExecutionTemplate(template=run_v2.TaskTemplate(containers=[container], **task)))


def test_a_job_lives_from_create_to_delete(cloud: Cloud, echo: str, job: str) -> None:
    jobs, executions, tasks = cloud.jobs_client(), cloud.executions_client(), cloud.tasks_client()
    created = finished(jobs.create_job(parent=PLACE, job_id=job, job=job_message(echo)))
    assert (created.name, created.terminal_condition.state) == (f"{PLACE}/jobs/{job}", SUCCEEDED)
    template = created.template.template
    assert (created.template.task_count, template.max_retries, template.timeout.seconds) == (1, 3, 600)
    assert jobs.get_job(name=created.name) == created
    assert created.name in [item.name for item in jobs.list_jobs(parent="projects/demo/locations/-")]
    execution = finished(jobs.run_job(name=created.name))
    assert executions.get_execution(name=execution.name) == execution
    assert list(executions.list_executions(parent=created.name)) == [execution]
    (task,) = tasks.list_tasks(parent=execution.name)
    assert tasks.get_task(name=task.name) == task
    assert (task.conditions[0].state, task.last_attempt_result.exit_code) == (SUCCEEDED, 0)
    after = jobs.get_job(name=created.name)
    assert (after.execution_count, after.latest_created_execution.name) == (1, execution.name.rpartition("/")[2])
    assert finished(executions.delete_execution(name=execution.name)).name == execution.name
    with pytest.raises(exceptions.NotFound, match="of kind 'EXECUTION' in region 'europe-west1'"):
        executions.get_execution(name=execution.name)
    assert finished(jobs.delete_job(name=created.name)).name == created.name
    with pytest.raises(exceptions.NotFound, match=f"Resource '{job}' of kind 'JOB' in region 'europe-west1'"):
        jobs.run_job(name=created.name)


def test_an_update_takes_effect_with_the_next_execution(cloud: Cloud, echo: str, job: str) -> None:
    jobs = cloud.jobs_client()
    message = finished(jobs.create_job(parent=PLACE, job_id=job, job=job_message(echo)))
    assert finished(jobs.update_job(job=message)).template == message.template
    message = jobs.get_job(name=message.name)
    message.template.task_count = 2
    message.template.template.max_retries = 0
    message.template.template.containers[0].command = ["false"]
    changed = finished(jobs.update_job(job=message))
    assert (changed.generation, changed.template.template.max_retries) == (3, 0)
    with pytest.raises(exceptions.Aborted, match="failed with exit code: 1 and message: The container exited"):
        finished(jobs.run_job(name=message.name))
    with pytest.raises(exceptions.Conflict, match="Conflict for resource"):
        jobs.update_job(job=message)


def test_an_update_creates_what_is_missing_when_that_is_allowed(cloud: Cloud, echo: str, job: str) -> None:
    jobs, message = cloud.jobs_client(), job_message(echo)
    message.name = f"{PLACE}/jobs/{job}"
    with pytest.raises(exceptions.NotFound):
        jobs.update_job(job=message)
    request = run_v2.UpdateJobRequest(job=message, allow_missing=True)
    assert finished(jobs.update_job(request=request)).generation == 1
    with pytest.raises(exceptions.Conflict, match=f"Resource '{job}' already exists."):
        jobs.create_job(parent=PLACE, job_id=job, job=job_message(echo))


def test_overrides_hold_for_one_execution(cloud: Cloud, echo: str, job: str) -> None:
    jobs = cloud.jobs_client()
    message = job_message(echo, "/bin/sh", "-c", REPORT, "sh")
    message.template.template.containers[0].args = ["always"]
    name = finished(jobs.create_job(parent=PLACE, job_id=job, job=message)).name
    container = Overrides.ContainerOverride(
        args=["this", "time"], env=[run_v2.EnvVar(name="TASTE", value="sour"), run_v2.EnvVar(name="MORE", value="1")]
    )
    overrides = Overrides(container_overrides=[container], task_count=2, timeout=duration_pb2.Duration(seconds=30))
    changed = finished(jobs.run_job(request=run_v2.RunJobRequest(name=name, overrides=overrides)))
    assert (changed.task_count, changed.template.timeout.seconds) == (2, 30)
    assert lines(cloud, {"name": changed.name}) == ["sour 2 this time"] * 2
    cleared = Overrides(container_overrides=[Overrides.ContainerOverride(clear_args=True)])
    bare = finished(jobs.run_job(request=run_v2.RunJobRequest(name=name, overrides=cleared)))
    assert lines(cloud, {"name": bare.name}) == ["sweet 1 "]
    usual = finished(jobs.run_job(name=name))
    assert lines(cloud, {"name": usual.name}) == ["sweet 1 always"]


def test_cancelling_is_no_failure_of_the_operations(cloud: Cloud, echo: str, job: str) -> None:
    jobs = cloud.jobs_client()
    name = finished(jobs.create_job(parent=PLACE, job_id=job, job=job_message(echo, "sleep", "600"))).name
    operation = jobs.run_job(name=name)
    cancelled = finished(cloud.executions_client().cancel_execution(name=operation.metadata.name))
    assert finished(operation) == cancelled
    assert cancelled.conditions[0].execution_reason == run_v2.Condition.ExecutionReason.CANCELLED
    assert cancelled.cancelled_count == 1
    status = run_v2.ExecutionReference.CompletionStatus.EXECUTION_CANCELLED
    assert jobs.get_job(name=name).latest_created_execution.completion_status == status


def test_validating_only_changes_nothing(cloud: Cloud, echo: str, job: str) -> None:
    jobs = cloud.jobs_client()
    request = run_v2.CreateJobRequest(parent=PLACE, job_id=job, job=job_message(echo), validate_only=True)
    assert finished(jobs.create_job(request=request)).name == f"{PLACE}/jobs/{job}"
    with pytest.raises(exceptions.NotFound):
        jobs.get_job(name=f"{PLACE}/jobs/{job}")
    name = finished(jobs.create_job(parent=PLACE, job_id=job, job=job_message(echo))).name
    finished(jobs.run_job(request=run_v2.RunJobRequest(name=name, validate_only=True)))
    finished(jobs.delete_job(request=run_v2.DeleteJobRequest(name=name, validate_only=True)))
    assert jobs.get_job(name=name).execution_count == 0


def test_lists_come_in_pages_with_the_newest_execution_first(cloud: Cloud, echo: str, job: str) -> None:
    jobs = cloud.jobs_client()
    name = finished(jobs.create_job(parent=PLACE, job_id=job, job=job_message(echo))).name
    names = [finished(jobs.run_job(name=name)).name for _ in range(3)]
    request = run_v2.ListExecutionsRequest(parent=name, page_size=2)
    pages = list(cloud.executions_client().list_executions(request=request).pages)
    assert [[item.name for item in page.executions] for page in pages] == [names[:0:-1], names[:1]]
