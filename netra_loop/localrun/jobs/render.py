"""Jobs, executions and tasks as the JSON documents of Admin API v2."""

from collections.abc import Sequence

from netra_loop.localrun.control.render import CREATOR
from netra_loop.localrun.fields import Document
from netra_loop.localrun.jobs import conditions as jobs_conditions
from netra_loop.localrun.jobs.conditions import Condition
from netra_loop.localrun.jobs.model import Execution, Job, Result, Task, TaskState
from netra_loop.localrun.jobs.progress import UNFINISHED, counts
from netra_loop.localrun.services.model import Reason

STATES = {True: "CONDITION_SUCCEEDED", False: "CONDITION_FAILED", None: "CONDITION_RECONCILING"}


def job_document(job: Job, latest: Execution | None) -> Document:
    """The v2 Job. `latest` is its latest execution, as long as that was not deleted."""
    ready = jobs_conditions.of_job(job)
    document = job.settings | {
        "template": job.template,
        "name": job.id.path,
        "uid": job.uid,
        "generation": str(job.generation),
        "observedGeneration": str(job.generation),
        "createTime": job.created,
        "updateTime": job.updated,
        "creator": CREATOR,
        "lastModifier": CREATOR,
        "terminalCondition": _condition(ready),
        "executionCount": job.executions,
        "reconciling": False,
        "etag": job.etag,
    }
    return document | ({"latestCreatedExecution": _reference(latest)} if latest else {})


def execution_document(execution: Execution, tasks: Sequence[Task], log_uri: str) -> Document:
    """The v2 Execution; its counts are those of its tasks."""
    number = counts(tasks)
    return _times(execution) | {
        "name": execution.id.path,
        "uid": execution.uid,
        "creator": CREATOR,
        "generation": "1",
        "observedGeneration": "1",
        "labels": execution.labels,
        "annotations": execution.annotations,
        "createTime": execution.created,
        "updateTime": execution.completed or execution.started or execution.created,
        "launchStage": execution.launch_stage,
        "job": execution.id.job.name,
        "parallelism": execution.parallelism,
        "taskCount": execution.task_count,
        "template": execution.template,
        "reconciling": not execution.completed,
        "conditions": [_condition(condition) for condition in jobs_conditions.of_execution(execution)],
        "runningCount": number[TaskState.RUNNING],
        "succeededCount": number[TaskState.SUCCEEDED],
        "failedCount": number[TaskState.FAILED],
        "cancelledCount": number[TaskState.CANCELLED],
        "retriedCount": sum(task.retried for task in tasks),
        "logUri": log_uri,
        "etag": execution.etag,
    }


def task_document(task: Task, execution: Execution, log_uri: str) -> Document:
    """The v2 Task of an execution."""
    document = (
        _times(task)
        | execution.template
        | {
            "name": task.id.path,
            "uid": task.uid,
            "generation": "1",
            "observedGeneration": "1",
            "labels": execution.labels,
            "annotations": execution.annotations,
            "createTime": task.created,
            "updateTime": task.completed or task.started or task.created,
            "job": execution.id.job.name,
            "execution": execution.id.name,
            "reconciling": task.state in UNFINISHED,
            "conditions": [_condition(condition) for condition in jobs_conditions.of_task(task)],
            "index": task.id.index,
            "retried": task.retried,
            "logUri": log_uri,
            "etag": f'"{task.uid[:8]}-{task.state.name.lower()}"',
        }
    )
    if task.started:
        document["scheduledTime"] = task.started
    return document | ({"lastAttemptResult": result_document(task.last)} if task.last else {})


def result_document(result: Result) -> Document:
    """A TaskAttemptResult, the same in both APIs."""
    failure = result.failure
    document: Document = {"status": {"code": failure.code, "message": failure.message} if failure else {}}
    return document | ({"exitCode": result.exit_code} if result.exit_code is not None else {})


def completion_status(execution: Execution) -> str:
    """The CompletionStatus by which a job refers to its latest execution."""
    if not execution.completed:
        return "EXECUTION_RUNNING" if execution.started else "EXECUTION_PENDING"
    if execution.failure is None:
        return "EXECUTION_SUCCEEDED"
    return "EXECUTION_CANCELLED" if execution.failure.reason is Reason.CANCELLED else "EXECUTION_FAILED"


def _reference(execution: Execution) -> Document:
    document: Document = {
        "name": execution.id.name,
        "createTime": execution.created,
        "completionStatus": completion_status(execution),
    }
    return document | ({"completionTime": execution.completed} if execution.completed else {})


def _times(item: Execution | Task) -> Document:
    times = {"startTime": item.started, "completionTime": item.completed}
    return {key: moment for key, moment in times.items() if moment}


def _condition(condition: Condition) -> Document:
    document: Document = {
        "type": condition.kind,
        "state": STATES[condition.holds],
        "lastTransitionTime": condition.moment,
    }
    if condition.message:
        document["message"] = condition.message
    if condition.reason:
        field, reason = condition.reason.value
        document |= {"severity": "ERROR", field: reason}
    return document
