"""Running executions: their tasks side by side, again after a failure, on after a restart, and their end."""

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from netra_loop.localrun import clock
from netra_loop.localrun.activity import Activity
from netra_loop.localrun.jobs import progress as jobs_progress
from netra_loop.localrun.jobs.attempt import Attempt
from netra_loop.localrun.jobs.catalog import JobsCatalog
from netra_loop.localrun.jobs.model import Execution, ExecutionId, Task
from netra_loop.localrun.logs.intake import Intake
from netra_loop.localrun.runtime.images import Image, Images
from netra_loop.localrun.services.model import Failure

MOST_AT_ONCE = 100  # processes of one execution, however many its parallelism allows


@dataclass(eq=False, slots=True)
class Run:
    """One execution under way. It knows its tasks by itself, as it ends even when it is removed from the catalog."""

    execution: Execution
    tasks: dict[int, Task]
    work: asyncio.Task[None] | None = None
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class Runner:
    """All executions under way; whatever happens to one is in the catalog at once."""

    catalog: JobsCatalog
    images: Images
    logs: Intake
    activity: Activity
    grace: float
    _runs: dict[ExecutionId, Run] = field(init=False, default_factory=dict)

    def begin(self, execution: Execution, tasks: Iterable[Task]) -> None:
        """Begin to run an execution that is in the catalog."""
        run = _run_of(execution, tasks)
        if execution.cancelled:
            run.cancelled.set()
        run.work = asyncio.create_task(self._drive(run))
        self._runs[execution.id] = run

    def resume(self) -> None:
        """Go on with what a server before this one left unfinished."""
        for execution in self.catalog.all_executions():
            if not execution.completed:
                for task in self.catalog.tasks(execution.id):
                    self.catalog.keep_task(jobs_progress.interrupted(task, execution))
                self.begin(execution, self.catalog.tasks(execution.id))

    def end_of(self, execution: Execution) -> Coroutine[Any, Any, Run]:
        """Wait for the end of an execution that runs now, even if it is removed before; at once when it has ended."""
        return _end(self._runs.get(execution.id) or _run_of(execution, self.catalog.tasks(execution.id)))

    def cancel(self, execution: Execution) -> Execution:
        """Order the end of an execution, if it has not ended; it comes when its processes have."""
        run = self._runs.get(execution.id)
        if run is None:
            return execution
        run.execution = replace(run.execution, cancelled=True)
        self.catalog.keep_execution(run.execution)
        run.cancelled.set()
        return run.execution

    async def stop(self) -> None:
        """End all processes; the executions stay unfinished, for the next server to go on with."""
        running = [run.work for run in self._runs.values() if run.work]
        for work in running:
            work.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _drive(self, run: Run) -> None:
        with self.activity.request():
            image = self.images.resolve(run.execution.container["image"])
            if image is None:
                self._end_all(run, jobs_progress.image_missing(run.execution.container["image"]))
            else:
                await self._run_tasks(run, image)
        self._conclude(run)

    async def _run_tasks(self, run: Run, image: Image) -> None:
        self._keep_execution(run, replace(run.execution, started=run.execution.started or clock.now()))
        waiting = deque(task for task in run.tasks.values() if task.state in jobs_progress.UNFINISHED)
        workers = min(run.execution.parallelism, len(waiting), MOST_AT_ONCE)
        await asyncio.gather(*(self._work(run, waiting, image) for _ in range(workers)))

    async def _work(self, run: Run, waiting: deque[Task], image: Image) -> None:
        while waiting and not run.cancelled.is_set():
            await self._settle(run, waiting.popleft(), image)

    async def _settle(self, run: Run, task: Task, image: Image) -> None:
        """Try a task until it is finished, or the execution is cancelled between two attempts."""
        while task.state in jobs_progress.UNFINISHED and not run.cancelled.is_set():
            task = self._keep_task(run, jobs_progress.begun(task))
            result = await Attempt(run.execution, task, image, self.logs, self.grace).run(run.cancelled)
            task = self._keep_task(run, jobs_progress.tried(task, result, run.execution.template["maxRetries"]))

    def _end_all(self, run: Run, failure: Failure) -> None:
        with self.catalog.together():
            for task in run.tasks.values():
                if task.state in jobs_progress.UNFINISHED:
                    self._keep_task(run, jobs_progress.ended(task, failure))

    def _conclude(self, run: Run) -> None:
        self._end_all(run, jobs_progress.CANCELLED)
        self._keep_execution(run, jobs_progress.concluded(run.execution, run.tasks.values()))
        del self._runs[run.execution.id]

    def _keep_task(self, run: Run, task: Task) -> Task:
        run.tasks[task.id.index] = task
        self.catalog.keep_task(task)
        return task

    def _keep_execution(self, run: Run, execution: Execution) -> None:
        run.execution = execution
        self.catalog.keep_execution(execution)


def _run_of(execution: Execution, tasks: Iterable[Task]) -> Run:
    return Run(execution, {task.id.index: task for task in tasks})


async def _end(run: Run) -> Run:
    if run.work is not None:
        await asyncio.shield(run.work)
    return run
