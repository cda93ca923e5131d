"""The jobs, executions and tasks that exist: in memory to look at, in the store to survive."""

from collections.abc import Iterable
from contextlib import AbstractContextManager

from netra_loop.localrun.jobs.model import Execution, ExecutionId, Job, JobId, Task
from netra_loop.localrun.services.catalog import missing, within
from netra_loop.localrun.services.model import Place
from netra_loop.localrun.state.record import from_document, to_document
from netra_loop.localrun.state.store import Store

ANY_JOB = "-"


class JobsCatalog:
    """Lookups raise NOT_FOUND with Google's wording; lists are in order of creation.

    Every change is on disk at once.
    """

    def __init__(self, store: Store) -> None:
        """Begins with what the store has. Raises ValueError when that is not ours to read."""
        self._store = store
        jobs = [from_document(Job, document) for document in store.all("job").values()]
        executions = [from_document(Execution, document) for document in store.all("execution").values()]
        self._jobs = {job.id: job for job in jobs}
        self._executions = {execution.id: execution for execution in executions}
        self._tasks: dict[ExecutionId, dict[int, Task]] = {execution.id: {} for execution in executions}
        for document in store.all("task").values():
            task = from_document(Task, document)
            self._tasks[task.id.execution][task.id.index] = task

    def together(self) -> AbstractContextManager[None]:
        """Spans changes that survive together or not at all; nothing may be awaited within."""
        return self._store.together()

    def find_job(self, job: JobId) -> Job | None:
        return self._jobs.get(job)

    def job(self, job: JobId) -> Job:
        found = self._jobs.get(job)
        if found is None:
            raise missing("JOB", job.name, job.place)
        return found

    def jobs(self, place: Place) -> list[Job]:
        """The jobs of one place; the location `-` stands for all of a project's."""
        return [job for job in self._jobs.values() if within(job.id.place, place)]

    def put_job(self, job: Job) -> None:
        self._jobs[job.id] = job
        self._store.put("job", job.id.path, to_document(job))

    def remove_job(self, job: JobId) -> None:
        """Forget a job with its executions and their tasks."""
        with self._store.together():
            for execution in self.executions(job):
                self.remove_execution(execution.id)
            self._store.remove("job", job.path)
        del self._jobs[job]

    def find_execution(self, execution: ExecutionId) -> Execution | None:
        return self._executions.get(execution)

    def execution(self, execution: ExecutionId) -> Execution:
        found = self._executions.get(execution)
        if found is None:
            raise missing("EXECUTION", execution.name, execution.job.place)
        return found

    def executions(self, job: JobId) -> list[Execution]:
        """The executions of a job; the job `-` stands for all of its place."""
        place, name = job.place, job.name
        return [
            item
            for key, item in self._executions.items()
            if within(key.job.place, place) and name in (ANY_JOB, key.job.name)
        ]

    def all_executions(self) -> list[Execution]:
        return list(self._executions.values())

    def add_execution(self, execution: Execution, tasks: Iterable[Task]) -> None:
        self._executions[execution.id] = execution
        self._tasks[execution.id] = {}
        with self._store.together():
            self.keep_execution(execution)
            for task in tasks:
                self.keep_task(task)

    def keep_execution(self, execution: Execution) -> None:
        """Put an execution in its own place; of one that was removed meanwhile nothing is kept."""
        if execution.id in self._executions:
            self._executions[execution.id] = execution
            self._store.put("execution", execution.id.path, to_document(execution))

    def remove_execution(self, execution: ExecutionId) -> None:
        """Forget an execution with its tasks."""
        del self._executions[execution]
        with self._store.together():
            self._store.remove("execution", execution.path)
            for task in self._tasks.pop(execution).values():
                self._store.remove("task", task.id.path)

    def tasks(self, execution: ExecutionId) -> list[Task]:
        """The tasks of an execution by their index, none of one that was removed."""
        return list(self._tasks.get(execution, {}).values())

    def task(self, execution: ExecutionId, name: str) -> Task:
        found = next((task for task in self.tasks(execution) if task.id.name == name), None)
        if found is None:
            raise missing("TASK", name, execution.job.place)
        return found

    def keep_task(self, task: Task) -> None:
        """Put a task in its place; of an execution that was removed meanwhile nothing is kept."""
        if task.id.execution in self._tasks:
            self._tasks[task.id.execution][task.id.index] = task
            self._store.put("task", task.id.path, to_document(task))
