"""What can be done with jobs, whichever API asks: changes are checked, recorded and carried out."""

from collections.abc import Awaitable
from dataclasses import dataclass, replace

from netra_loop.localrun.control.operations import Failed, Operation, Operations, Work
from netra_loop.localrun.errors import failed_precondition
from netra_loop.localrun.fields import Document
from netra_loop.localrun.jobs import render as jobs_render
from netra_loop.localrun.jobs.catalog import ANY_JOB, JobsCatalog
from netra_loop.localrun.jobs.declaration import Overrides, declare_execution, declare_job, read_job
from netra_loop.localrun.jobs.model import Execution, ExecutionId, Job, JobId, Task
from netra_loop.localrun.jobs.progress import image_missing
from netra_loop.localrun.jobs.runner import Run, Runner
from netra_loop.localrun.runtime.images import Images
from netra_loop.localrun.services.model import Reason
from netra_loop.localrun.state.record import from_document, to_document


@dataclass(slots=True)
class Jobs:
    """`url` is the server's own."""

    catalog: JobsCatalog
    images: Images
    runner: Runner
    operations: Operations
    url: str

    def resume(self) -> None:
        """Go on where the server before ended: executions, and the operations that wait for their end."""
        self.runner.resume()
        for operation in self.operations.under_way("Job", "Execution"):
            self.operations.go_on(operation, self._again(operation))

    async def _again(self, operation: Operation) -> Document:
        execution = from_document(ExecutionId, operation.order) if operation.order else None
        found = self.catalog.find_execution(execution) if execution else None
        return await self.end_of(found) if found else operation.metadata

    def write(self, identity: JobId, body: Document, previous: Job | None, only_check: bool) -> Job:
        """Create or change a job. Raises INVALID_ARGUMENT."""
        wanted = read_job(body)
        problem = None if self.images.resolve(wanted.image) else image_missing(wanted.image)
        job = declare_job(previous, wanted, identity, problem)
        if not only_check:
            self.catalog.put_job(job)
        return job

    def plan(self, job: Job, overrides: Overrides) -> tuple[Execution, list[Task]]:
        """An execution of a job and its tasks, as it could begin now."""
        image = self.images.resolve(job.template["template"]["containers"][0]["image"])
        taken = {execution.id.name for execution in self.catalog.executions(replace(job.id, name=ANY_JOB))}
        pinned = image.reference if image else ""
        return declare_execution(job, overrides, taken, pinned)

    def begin(self, job: Job, execution: Execution, tasks: list[Task]) -> Operation:
        """Begin an execution that was planned; the operation is done when that has ended."""
        with self.catalog.together():
            self.catalog.add_execution(execution, tasks)
            self.catalog.put_job(replace(job, executions=job.executions + 1, latest=execution.id.name))
            self.runner.begin(execution, tasks)
            return self.await_end(execution)

    def cancel(self, execution: Execution) -> Execution:
        """Order the end of an execution. Raises FAILED_PRECONDITION when it has ended."""
        if execution.completed:
            raise failed_precondition(f"Execution '{execution.id.name}' cannot be cancelled because it is not running.")
        return self.runner.cancel(execution)

    def remove_job(self, job: Job) -> list[Execution]:
        """Forget a job at once; its executions are cancelled, and returned to wait for their end."""
        executions = [self.runner.cancel(execution) for execution in self.catalog.executions(job.id)]
        self.catalog.remove_job(job.id)
        return executions

    def remove_execution(self, execution: Execution) -> Execution:
        """Forget an execution at once, cancelled if it is running."""
        cancelled = self.runner.cancel(execution)
        self.catalog.remove_execution(execution.id)
        return cancelled

    def latest(self, job: Job) -> Execution | None:
        """The latest execution of a job, None before it and once it was deleted."""
        return self.catalog.find_execution(ExecutionId(job.id, job.latest))

    def job_document(self, job: Job) -> Document:
        return jobs_render.job_document(job, self.latest(job))

    def execution_document(self, execution: Execution, tasks: list[Task]) -> Document:
        return jobs_render.execution_document(execution, tasks, self.log_uri(execution))

    def log_uri(self, execution: Execution) -> str:
        return f"{self.url}/_local/logs?execution={execution.id.name}"

    def await_end(self, execution: Execution) -> Operation:
        """An operation that is done with an execution, also after a restart. Cancelling is no failure of it."""
        document = self.execution_document(execution, self.catalog.tasks(execution.id))
        work, order = self.end_of(execution), to_document(execution.id)
        return self.operations.begin(execution.id.job.place, "Execution", document, work, order)

    def end_of(self, execution: Execution) -> Work:
        """Work that returns an execution when it has ended, and raises Failed when a task failed."""
        return self._end(self.runner.end_of(execution))

    async def _end(self, end: Awaitable[Run]) -> Document:
        run = await end
        failure = run.execution.failure
        if failure and failure.reason is not Reason.CANCELLED:
            raise Failed(failure)
        return self.execution_document(run.execution, list(run.tasks.values()))
