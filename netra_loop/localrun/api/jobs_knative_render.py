"""Jobs, executions and tasks as the JSON documents of the v1 API, which gcloud reads."""

from collections.abc import Mapping, Sequence

from netra_loop.localrun.api.jobs_knative_read import CLIENT, CLIENT_VERSION, EXECUTION_ENVIRONMENT, LAUNCH_STAGE
from netra_loop.localrun.api.v1 import owner, resource
from netra_loop.localrun.control.render import CREATOR
from netra_loop.localrun.fields import Document, Fields
from netra_loop.localrun.jobs import conditions as jobs_conditions
from netra_loop.localrun.jobs.conditions import Condition
from netra_loop.localrun.jobs.model import Execution, Job, Task, TaskState
from netra_loop.localrun.jobs.progress import counts
from netra_loop.localrun.jobs.render import completion_status, result_document
from netra_loop.localrun.services.model import Place, Reason

API = "run.googleapis.com/v1"
STATUSES = {True: "True", False: "False", None: "Unknown"}


def v1_job(job: Job, latest: Execution | None) -> Document:
    """The v1 Job. `latest` is its latest execution, as long as that was not deleted."""
    annotations = {CLIENT: job.settings["client"], CLIENT_VERSION: job.settings["clientVersion"]}
    metadata = _metadata(job.id.name, job.id.place, job, job.settings, {
        **_known(annotations),
        LAUNCH_STAGE: job.settings["launchStage"],
        "run.googleapis.com/creator": CREATOR,
        "run.googleapis.com/lastModifier": CREATOR,
    })  # fmt: skip
    metadata |= {"generation": job.generation, "resourceVersion": job.etag.strip('"')}
    metadata["labels"]["run.googleapis.com/lastUpdatedTime"] = job.updated
    status: Document = {
        "observedGeneration": job.generation,
        "conditions": [_condition(jobs_conditions.of_job(job))],
        "executionCount": job.executions,
    }
    if latest is not None:
        status["latestCreatedExecution"] = _reference(latest)
    spec = {"template": {"metadata": _template_metadata(job), "spec": _execution_spec(job.template)}}
    return resource(API, "Job", metadata, spec, status)


def v1_execution(execution: Execution, tasks: Sequence[Task], job: Job, log_uri: str) -> Document:
    """The v1 Execution of a job; its counts are those of its tasks."""
    number = counts(tasks)
    metadata = _metadata(execution.id.name, job.id.place, execution, _own(execution), _annotations(execution))
    metadata |= {"generation": 1, "resourceVersion": execution.etag.strip('"')}
    metadata["labels"] |= {"run.googleapis.com/job": job.id.name, "run.googleapis.com/jobUid": job.uid}
    metadata["ownerReferences"] = [owner(API, "Job", job.id.name, job.uid)]
    template = {"taskCount": execution.task_count, "parallelism": execution.parallelism, "template": execution.template}
    status: Document = {
        "observedGeneration": 1,
        "conditions": [_condition(condition) for condition in jobs_conditions.of_execution(execution)],
        "runningCount": number[TaskState.RUNNING],
        "succeededCount": number[TaskState.SUCCEEDED],
        "failedCount": number[TaskState.FAILED],
        "cancelledCount": number[TaskState.CANCELLED],
        "retriedCount": sum(task.retried for task in tasks),
        "logUri": log_uri,
        "startTime": execution.started,
        "completionTime": execution.completed,
    }
    return resource(API, "Execution", metadata, _execution_spec(template), _known(status))


def v1_task(task: Task, execution: Execution, log_uri: str) -> Document:
    """The v1 Task of an execution."""
    place = execution.id.job.place
    metadata = _metadata(task.id.name, place, task, _own(execution), _annotations(execution))
    metadata |= {"generation": 1, "ownerReferences": [owner(API, "Execution", execution.id.name, execution.uid)]}
    metadata["labels"] |= {
        "run.googleapis.com/job": execution.id.job.name,
        "run.googleapis.com/execution": execution.id.name,
        "run.googleapis.com/runningState": task.state.name.capitalize(),
    }
    status: Document = {
        "observedGeneration": 1,
        "conditions": [_condition(condition) for condition in jobs_conditions.of_task(task)],
        "index": task.id.index,
        "retried": task.retried,
        "logUri": log_uri,
        "startTime": task.started,
        "completionTime": task.completed,
        "lastAttemptResult": result_document(task.last) if task.last else {},
    }
    return resource(API, "Task", metadata, _task_spec(execution.template), _known(status))


def _metadata(
    name: str, place: Place, item: Job | Execution | Task, own: Document, annotations: Mapping[str, str]
) -> Document:
    """`own` has the labels and annotations that the user gave."""
    return {
        "name": name,
        "namespace": place.project,
        "uid": item.uid,
        "creationTimestamp": item.created,
        "labels": own["labels"] | {"cloud.googleapis.com/location": place.location},
        "annotations": own["annotations"] | annotations,
    }


def _own(execution: Execution) -> Document:
    return {"labels": execution.labels, "annotations": execution.annotations}


def _annotations(execution: Execution) -> dict[str, str]:
    return {
        **_environment(execution.template),
        LAUNCH_STAGE: execution.launch_stage,
        "run.googleapis.com/creator": CREATOR,
    }


def _template_metadata(job: Job) -> Document:
    annotations = job.template["annotations"] | _environment(job.template["template"])
    return {"labels": job.template["labels"], "annotations": annotations}


def _environment(task_template: Document) -> dict[str, str]:
    name = task_template.get("executionEnvironment", "")
    return {EXECUTION_ENVIRONMENT: name.rpartition("_")[2].lower()} if name else {}


def _execution_spec(template: Document) -> Document:
    spec = {"taskCount": template["taskCount"], "template": {"spec": _task_spec(template["template"])}}
    return spec | ({"parallelism": template["parallelism"]} if template["parallelism"] else {})


def _task_spec(template: Document) -> Document:
    container = {key: value for key, value in template["containers"][0].items() if value}
    spec = {
        "containers": [container],
        "maxRetries": template["maxRetries"],
        "timeoutSeconds": str(round(Fields(template).seconds("timeout", 0))),
    }
    return spec | _known({"serviceAccountName": template["serviceAccount"]})


def _reference(execution: Execution) -> Document:
    reference: Document = {
        "name": execution.id.name,
        "creationTimestamp": execution.created,
        "completionTimestamp": execution.completed,
        "completionStatus": completion_status(execution),
    }
    return _known(reference)


def _condition(condition: Condition) -> Document:
    document: Document = {
        "type": condition.kind,
        "status": STATUSES[condition.holds],
        "lastTransitionTime": condition.moment,
        "message": condition.message,
        "reason": _camel(condition.reason) if condition.reason else "",
    }
    return _known(document)


def _camel(reason: Reason) -> str:
    return "".join(word.capitalize() for word in reason.name.split("_"))


def _known(document: Document) -> Document:
    """A document without the values that are empty, as far as there are none yet."""
    return {key: value for key, value in document.items() if value not in ("", {})}
