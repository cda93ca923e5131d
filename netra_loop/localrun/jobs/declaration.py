"""What a client asks of a job: pure functions from a request and what exists to what shall exist."""

import re
import secrets
import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace

from netra_loop.localrun import clock
from netra_loop.localrun.errors import invalid
from netra_loop.localrun.fields import Document, Fields
from netra_loop.localrun.jobs.model import Execution, ExecutionId, Job, JobId, Task, TaskId
from netra_loop.localrun.services.declaration import LAUNCH_STAGES, SUFFIX_LETTERS
from netra_loop.localrun.services.model import Failure
from netra_loop.localrun.services.template import (
    EXECUTION_ENVIRONMENTS,
    read_environment,
    read_limits,
    read_working_folder,
)

JOB_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
RESERVED = re.compile(r"CLOUD_RUN_.*")
LONGEST_TIMEOUT = 7 * 24 * 3600.0
MOST_TASKS = 10_000
MOST_RETRIES = 10
SUFFIX_LENGTH = 5
WRITABLE_FIELDS = ("labels", "annotations", "client", "clientVersion", "launchStage", "template")
UNSUPPORTED_FIELDS = ("binaryAuthorization", "startExecutionToken", "runExecutionToken")
OUTPUT_FIELDS = (
    "name", "uid", "generation", "createTime", "updateTime", "deleteTime", "expireTime", "creator", "lastModifier",
    "observedGeneration", "terminalCondition", "conditions", "executionCount", "latestCreatedExecution", "reconciling",
    "satisfiesPzs", "etag",
)  # fmt: skip
TASK_FIELDS = ("containers", "maxRetries", "timeout", "serviceAccount", "executionEnvironment")
TASK_UNSUPPORTED = ("volumes", "encryptionKey", "vpcAccess", "nodeSelector", "gpuZonalRedundancyDisabled")
CONTAINER_FIELDS = ("name", "image", "command", "args", "env", "resources", "workingDir")
CONTAINER_UNSUPPORTED = (
    "sourceCode", "volumeMounts", "ports", "startupProbe", "livenessProbe", "readinessProbe",
    "dependsOn", "baseImageUri", "buildInfo",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request body, read: everything a client decides about a job."""

    settings: Document
    template: Document

    @property
    def image(self) -> str:
        return str(self.template["template"]["containers"][0]["image"])


@dataclass(frozen=True, slots=True)
class Overrides:
    """What one execution has other than its job says; None and empty leave it as it is."""

    args: list[str] | None
    env: list[Document]
    task_count: int
    timeout: str


def require_job_name(name: str) -> None:
    if not JOB_NAME.fullmatch(name):
        raise invalid(
            f"job_id: '{name}' must begin with a letter, hold only lower case letters, digits and hyphens, "
            "not end with a hyphen, and be shorter than 64 characters."
        )


def read_job(body: Document) -> Wanted:
    """Read a v2 Job document; fields that only the server writes are ignored, as Google does."""
    job = Fields(body)
    job.expect_only((*WRITABLE_FIELDS, *OUTPUT_FIELDS), UNSUPPORTED_FIELDS)
    settings: Document = {
        "labels": job.mapping("labels"),
        "annotations": job.mapping("annotations"),
        "client": job.text("client"),
        "clientVersion": job.text("clientVersion"),
        "launchStage": job.enum("launchStage", LAUNCH_STAGES, LAUNCH_STAGES[4]),
    }
    return Wanted(settings, _execution_template(job.fields("template")))


def read_overrides(body: Document) -> Overrides:
    """Read the `overrides` of a v2 RunJobRequest. Raises INVALID_ARGUMENT."""
    overrides = Fields(body).fields("overrides")
    overrides.expect_only(("containerOverrides", "taskCount", "timeout"))
    containers = list(overrides.each("containerOverrides"))
    if len(containers) > 1:
        raise overrides.wrong("containerOverrides", "the embedded Cloud Run runs exactly one container in a task")
    container = containers[0] if containers else Fields({}, overrides.where("containerOverrides[0]"))
    container.expect_only(("name", "args", "env", "clearArgs"))
    args = container.texts("args")
    return Overrides(
        args=args if args or container.flag("clearArgs") else None,
        env=read_environment(container, RESERVED),
        task_count=_number(overrides, "taskCount", 0, 0, MOST_TASKS),
        timeout=_timeout(overrides) if overrides.has("timeout") else "",
    )


def declare_job(previous: Job | None, wanted: Wanted, identity: JobId, problem: Failure | None) -> Job:
    """The job as it shall be; `problem` is why it cannot run, if it cannot."""
    moment = clock.now()
    if previous is None:
        return Job(identity, str(uuid.uuid4()), 1, wanted.settings, wanted.template, moment, moment, problem=problem)
    return replace(
        previous,
        generation=previous.generation + 1,
        settings=wanted.settings,
        template=wanted.template,
        updated=moment,
        problem=problem,
    )


def declare_execution(
    job: Job, overrides: Overrides, taken: Collection[str], pinned: str
) -> tuple[Execution, list[Task]]:
    """An execution of a job as it is now, and its tasks. `taken` are names in use, `pinned` its image by digest."""
    template = job.template["template"]
    container = template["containers"][0]
    changed = container | {
        "image": pinned or container["image"],
        "args": container["args"] if overrides.args is None else overrides.args,
        "env": _merged(container["env"], overrides.env),
    }
    task_count = overrides.task_count or job.template["taskCount"]
    execution = Execution(
        id=ExecutionId(job.id, _new_name(job.id.name, taken)),
        uid=str(uuid.uuid4()),
        labels=job.settings["labels"] | job.template["labels"],
        annotations=job.template["annotations"],
        launch_stage=job.settings["launchStage"],
        template=template | {"containers": [changed], "timeout": overrides.timeout or template["timeout"]},
        task_count=task_count,
        parallelism=min(job.template["parallelism"] or task_count, task_count),
        created=clock.now(),
    )
    tasks = [Task(TaskId(execution.id, index), str(uuid.uuid4()), execution.created) for index in range(task_count)]
    return execution, tasks


def _execution_template(template: Fields) -> Document:
    template.expect_only(("labels", "annotations", "parallelism", "taskCount", "template"))
    return {
        "labels": template.mapping("labels"),
        "annotations": template.mapping("annotations"),
        "parallelism": _number(template, "parallelism", 0, 0, MOST_TASKS),
        "taskCount": _number(template, "taskCount", 1, 0, MOST_TASKS) or 1,
        "template": _task_template(template.fields("template")),
    }


def _task_template(template: Fields) -> Document:
    template.expect_only(TASK_FIELDS, TASK_UNSUPPORTED)
    containers = list(template.each("containers"))
    if len(containers) != 1:
        raise template.wrong("containers", "the embedded Cloud Run runs exactly one container in a task")
    document: Document = {
        "containers": [_container(containers[0])],
        "maxRetries": _number(template, "maxRetries", 3, 0, MOST_RETRIES),
        "timeout": _timeout(template),
        "serviceAccount": template.text("serviceAccount"),
    }
    environment = template.enum("executionEnvironment", EXECUTION_ENVIRONMENTS, EXECUTION_ENVIRONMENTS[0])
    if environment != EXECUTION_ENVIRONMENTS[0]:
        document["executionEnvironment"] = environment
    return document


def _container(container: Fields) -> Document:
    container.expect_only(CONTAINER_FIELDS, CONTAINER_UNSUPPORTED)
    if not container.text("image"):
        raise container.wrong("image", "must name an image")
    resources = container.fields("resources")
    resources.expect_only(("limits", "cpuIdle", "startupCpuBoost"))
    return {
        "name": container.text("name"),
        "image": container.text("image"),
        "command": container.texts("command"),
        "args": container.texts("args"),
        "env": read_environment(container, RESERVED),
        "resources": {"limits": read_limits(resources)},
    } | read_working_folder(container)


def _number(fields: Fields, key: str, default: int, least: int, most: int) -> int:
    number = fields.number(key, default)
    if not least <= number <= most:
        raise fields.wrong(key, f"must be between {least} and {most}, not {number}")
    return number


def _timeout(fields: Fields) -> str:
    seconds = fields.seconds("timeout", 600.0)
    if not 0 < seconds <= LONGEST_TIMEOUT:
        raise fields.wrong("timeout", f"must be more than 0 and at most {LONGEST_TIMEOUT:.0f} seconds")
    return f"{seconds:g}s"


def _merged(variables: list[Document], overrides: list[Document]) -> list[Document]:
    replaced = {variable["name"] for variable in overrides}
    return [variable for variable in variables if variable["name"] not in replaced] + overrides


def _new_name(job: str, taken: Collection[str]) -> str:
    while True:
        name = f"{job}-{''.join(secrets.choice(SUFFIX_LETTERS) for _ in range(SUFFIX_LENGTH))}"
        if name not in taken:
            return name
