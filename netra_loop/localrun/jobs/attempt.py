"""One attempt at a task: its environment, its process and what is logged of it."""

import asyncio
import secrets
import traceback
from dataclasses import dataclass
from typing import Any

from netra_loop.localrun.fields import Document, Fields
from netra_loop.localrun.jobs.model import Execution, Result, Task
from netra_loop.localrun.jobs.progress import CANCELLED, TIMED_OUT, exited
from netra_loop.localrun.logs.entries import line_entry, new_entry, system_entry
from netra_loop.localrun.logs.intake import Intake
from netra_loop.localrun.runtime.images import Image
from netra_loop.localrun.runtime.launch import basic_environment, command_line, mark, working_folder
from netra_loop.localrun.runtime.process import Process
from netra_loop.localrun.services.model import Code, Failure, Reason


@dataclass(frozen=True, slots=True)
class TaskSource:
    """Whose log entry it is: an attempt at a task and the instance it ran in."""

    task: Task
    instance: str

    def entry(self, log: str, severity: str, **rest: Any) -> Document:
        job, place = self.task.id.execution.job, self.task.id.execution.job.place
        resource = {
            "type": "cloud_run_job",
            "labels": {"project_id": place.project, "location": place.location, "job_name": job.name},
        }
        labels = {
            "instanceId": self.instance,
            "run.googleapis.com/execution_name": self.task.id.execution.name,
            "run.googleapis.com/task_index": str(self.task.id.index),
            "run.googleapis.com/task_attempt": str(self.task.retried),
        }
        return new_entry(place.project, log, severity, resource, labels) | rest


@dataclass(frozen=True, slots=True)
class Attempt:
    """A process that is started, waited for and judged; `grace` is from SIGTERM to SIGKILL, in seconds."""

    execution: Execution
    task: Task
    image: Image
    logs: Intake
    grace: float

    async def run(self, cancelled: asyncio.Event) -> Result:
        """Its result, once nothing of the process is left. A machine that cannot start it is a failure like others."""
        try:
            return await self._run(TaskSource(self.task, secrets.token_hex(32)), cancelled)
        except Exception as error:
            traceback.print_exc()
            return Result(Failure(Code.INTERNAL, str(error), Reason.INTERNAL), None)

    async def _run(self, source: TaskSource, cancelled: asyncio.Event) -> Result:
        def on_line(stream: str, text: str) -> None:
            self.logs.append(line_entry(source, stream, text))

        argv = command_line(self.image, self.execution.container)
        folder = working_folder(self.image, self.execution.container)
        environment = task_environment(self.execution, self.task)
        process = await Process.start(argv, environment, folder, self.grace, on_line)
        try:
            ended = await _ends(process, self._timeout(), cancelled)
        finally:
            code = await process.stop()
        result = exited(code) if ended else Result(CANCELLED if cancelled.is_set() else TIMED_OUT, None)
        self._tell(source, code, result)
        return result

    def _timeout(self) -> float:
        return Fields(self.execution.template).seconds("timeout", 0)

    def _tell(self, source: TaskSource, code: int, result: Result) -> None:
        if result.failure == TIMED_OUT:
            text = f"Terminating task because it has reached the maximum timeout of {self._timeout():g} seconds."
            self.logs.append(system_entry(source, "ERROR", text))
        severity = "WARNING" if result.failure else "INFO"
        self.logs.append(system_entry(source, severity, f"Container called exit({code})."))


async def _ends(process: Process, seconds: float, cancelled: asyncio.Event) -> bool:
    """Whether a process ends by itself within some seconds and before it is cancelled."""
    ending, order = asyncio.create_task(process.wait()), asyncio.create_task(cancelled.wait())
    try:
        await asyncio.wait({ending, order}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return ending.done()
    finally:
        ending.cancel()
        order.cancel()


def task_environment(execution: Execution, task: Task) -> dict[str, str]:
    """The basic environment, the job's own variables and the contract's of jobs: neither PORT nor K_SERVICE."""
    own = {variable["name"]: variable["value"] for variable in execution.container["env"]}
    contract = {
        "CLOUD_RUN_JOB": execution.id.job.name,
        "CLOUD_RUN_EXECUTION": execution.id.name,
        "CLOUD_RUN_TASK_INDEX": str(task.id.index),
        "CLOUD_RUN_TASK_COUNT": str(execution.task_count),
        "CLOUD_RUN_TASK_ATTEMPT": str(task.retried),
    }
    return basic_environment() | own | contract | mark()
