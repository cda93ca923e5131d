"""Jobs, their executions and tasks, as frozen values in the words of Admin API v2."""

from dataclasses import dataclass
from enum import Enum, auto

from netra_loop.localrun.fields import Document
from netra_loop.localrun.services.model import Failure, Place


@dataclass(frozen=True, slots=True)
class JobId:
    place: Place
    name: str

    @property
    def path(self) -> str:
        return f"{self.place.path}/jobs/{self.name}"


@dataclass(frozen=True, slots=True)
class ExecutionId:
    job: JobId
    name: str

    @property
    def path(self) -> str:
        return f"{self.job.path}/executions/{self.name}"


@dataclass(frozen=True, slots=True)
class TaskId:
    execution: ExecutionId
    index: int

    @property
    def name(self) -> str:
        return f"{self.execution.name}-task{self.index}"

    @property
    def path(self) -> str:
        return f"{self.execution.path}/tasks/{self.name}"


@dataclass(frozen=True, slots=True)
class Job:
    """What was asked for; `executions` counts all there ever were, `latest` names the last one, empty before it.

    `problem` is why it is not ready: its image was not there when it was written.
    """

    id: JobId
    uid: str
    generation: int
    settings: Document
    template: Document
    created: str
    updated: str
    executions: int = 0
    latest: str = ""
    problem: Failure | None = None

    @property
    def etag(self) -> str:
        return f'"{self.uid[:8]}-{self.generation}"'


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a job. `template` is the task template, its image pinned by digest; times are empty until they come.

    `cancelled` says that somebody asked for its end, `failure` why it ended other than well.
    """

    id: ExecutionId
    uid: str
    labels: dict[str, str]
    annotations: dict[str, str]
    launch_stage: str
    template: Document
    task_count: int
    parallelism: int
    created: str
    started: str = ""
    completed: str = ""
    cancelled: bool = False
    failure: Failure | None = None

    @property
    def etag(self) -> str:
        return f'"{self.uid[:8]}-{1 + self.cancelled}"'

    @property
    def container(self) -> Document:
        container: Document = self.template["containers"][0]
        return container


class TaskState(Enum):
    PENDING = auto()
    RUNNING = auto()
    SUCCEEDED = auto()
    FAILED = auto()
    CANCELLED = auto()


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt ended; without a failure it succeeded. `exit_code` is None when there is none to tell."""

    failure: Failure | None
    exit_code: int | None


@dataclass(frozen=True, slots=True)
class Task:
    """One task of an execution: `retried` counts the attempts after the first, `last` is the result of the last one."""

    id: TaskId
    uid: str
    created: str
    state: TaskState = TaskState.PENDING
    started: str = ""
    completed: str = ""
    retried: int = 0
    last: Result | None = None
