"""How tasks and executions go on: pure functions from what is and what happened to what is then.

The sentences are Cloud Run's, as public logs show them.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from netra_loop.localrun import clock
from netra_loop.localrun.jobs.model import Execution, Result, Task, TaskState
from netra_loop.localrun.services.model import Code, Failure, Reason

UNFINISHED = (TaskState.PENDING, TaskState.RUNNING)
TIMED_OUT = Failure(Code.DEADLINE_EXCEEDED, "The configured timeout was reached.", Reason.NON_ZERO_EXIT_CODE)
CANCELLED = Failure(Code.CANCELLED, "Cancelled by user.", Reason.CANCELLED)
SERVER_ENDED = Failure(Code.ABORTED, "The server ended while the task was running.", Reason.INTERNAL)


def exited(code: int) -> Result:
    """The result of an attempt whose container ended by itself."""
    problem = Failure(Code.ABORTED, "The container exited with an error.", Reason.NON_ZERO_EXIT_CODE)
    return Result(problem if code else None, code)


def image_missing(image: str) -> Failure:
    return Failure(Code.NOT_FOUND, f"Image '{image}' not found.", Reason.CONTAINER_MISSING)


def begun(task: Task) -> Task:
    """A task whose next attempt begins."""
    return replace(task, state=TaskState.RUNNING, started=task.started or clock.now())


def tried(task: Task, result: Result, most_retries: int) -> Task:
    """A task after an attempt: it is finished, or waits for the next attempt."""
    if result.failure == CANCELLED:
        return _finished(task, TaskState.CANCELLED, result)
    if result.failure is None:
        return _finished(task, TaskState.SUCCEEDED, result)
    if task.retried < most_retries:
        return replace(task, state=TaskState.PENDING, retried=task.retried + 1, last=result)
    return _finished(task, TaskState.FAILED, result)


def ended(task: Task, failure: Failure) -> Task:
    """A task that there are no more attempts at, whatever its state."""
    state = TaskState.CANCELLED if failure == CANCELLED else TaskState.FAILED
    return _finished(task, state, Result(failure, None))


def interrupted(task: Task, execution: Execution) -> Task:
    """A task as a new server finds it: the attempt that the old one left running has failed, or was cancelled."""
    if task.state is not TaskState.RUNNING:
        return task
    result = Result(CANCELLED if execution.cancelled else SERVER_ENDED, None)
    return tried(task, result, execution.template["maxRetries"])


def counts(tasks: Iterable[Task]) -> Counter[TaskState]:
    """How many tasks are in each state."""
    return Counter(task.state for task in tasks)


def concluded(execution: Execution, tasks: Iterable[Task]) -> Execution:
    """An execution whose tasks are all finished."""
    failed = next((task for task in tasks if task.state is TaskState.FAILED), None)
    failure = CANCELLED if execution.cancelled else _failure(failed) if failed else None
    return replace(execution, completed=clock.now(), failure=failure)


def _failure(task: Task) -> Failure | None:
    """The failure of an execution because of a task: what only the task knew becomes part of the sentence."""
    if task.last is None or task.last.failure is None or task.last.failure.reason is Reason.CONTAINER_MISSING:
        return task.last.failure if task.last else None
    failure, code = task.last.failure, task.last.exit_code or 0
    message = f"Task {task.id.name} failed with exit code: {code} and message: {failure.message}"
    return replace(failure, message=message)


def _finished(task: Task, state: TaskState, result: Result) -> Task:
    return replace(task, state=state, last=result, completed=clock.now())
