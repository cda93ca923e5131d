"""The conditions of jobs, executions and tasks, as both APIs tell them.

Kinds and sentences are those of public `executions describe` output; how long an image was imported is not told, as
none is.
"""

from dataclasses import dataclass
from datetime import datetime

from netra_loop.localrun import clock
from netra_loop.localrun.jobs.model import Execution, Job, Task
from netra_loop.localrun.jobs.progress import UNFINISHED
from netra_loop.localrun.services.model import Failure, Reason


@dataclass(frozen=True, slots=True)
class Condition:
    """`holds` is None as long as it is not known whether it will."""

    kind: str
    holds: bool | None
    moment: str
    message: str = ""
    reason: Reason | None = None


def of_job(job: Job) -> Condition:
    return _settled("Ready", job.updated, job.problem)


def of_execution(execution: Execution) -> list[Condition]:
    """The first is the one that says how it ended."""
    image_lacks = execution.failure is not None and execution.failure.reason is Reason.CONTAINER_MISSING
    if image_lacks:
        container = _settled("ContainerReady", execution.completed, execution.failure)
    else:
        container = Condition("ContainerReady", True, execution.created, "Imported container image.")
    return [
        _completion(execution),
        Condition("ResourcesAvailable", True, execution.created, "Provisioned imported containers."),
        _start(execution),
        container,
    ]


def of_task(task: Task) -> list[Condition]:
    """The first is the one that says how it ended."""
    started = Condition("Started", True if task.started else None, task.started or task.created)
    if task.state in UNFINISHED:
        return [Condition("Completed", None, task.started or task.created), started]
    return [_settled("Completed", task.completed, task.last.failure if task.last else None), started]


def _completion(execution: Execution) -> Condition:
    if not execution.completed:
        message = "Waiting for the execution to be cancelled." if execution.cancelled else ""
        return Condition("Completed", None, execution.started or execution.created, message)
    if execution.failure:
        return _settled("Completed", execution.completed, execution.failure)
    seconds = _seconds(execution.started, execution.completed)
    text = f"Execution completed successfully in {seconds:.2f}s."
    return Condition("Completed", True, execution.completed, text)


def _start(execution: Execution) -> Condition:
    if not execution.started:
        return Condition("Started", None, execution.created)
    text = f"Started deployed execution in {_seconds(execution.created, execution.started):.2f}s."
    return Condition("Started", True, execution.started, text)


def _settled(kind: str, moment: str, failure: Failure | None) -> Condition:
    if failure is None:
        return Condition(kind, True, moment)
    return Condition(kind, False, moment, failure.message, failure.reason)


def _seconds(start: str, end: str) -> float:
    begun: datetime = clock.parse(start)
    return (clock.parse(end) - begun).total_seconds()
