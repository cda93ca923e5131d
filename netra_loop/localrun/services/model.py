"""What exists: services, their revisions and where traffic goes, as frozen values in the words of Admin API v2."""

from dataclasses import dataclass
from enum import Enum, IntEnum

from netra_loop.localrun.fields import Document


@dataclass(frozen=True, slots=True)
class Place:
    """A project and a location, the parent of services and operations."""

    project: str
    location: str

    @property
    def path(self) -> str:
        return f"projects/{self.project}/locations/{self.location}"


@dataclass(frozen=True, slots=True)
class ServiceId:
    place: Place
    name: str

    @property
    def path(self) -> str:
        return f"{self.place.path}/services/{self.name}"


@dataclass(frozen=True, slots=True)
class RevisionId:
    service: ServiceId
    name: str

    @property
    def path(self) -> str:
        return f"{self.service.path}/revisions/{self.name}"


class Code(IntEnum):
    """The google.rpc codes that operations end with."""

    CANCELLED = 1
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    FAILED_PRECONDITION = 9
    ABORTED = 10
    INTERNAL = 13


class Reason(Enum):
    """Why a condition failed: the field of google.cloud.run.v2.Condition that says so, and what it says."""

    CONTAINER_MISSING = ("reason", "CONTAINER_MISSING")
    HEALTH_CHECK_CONTAINER_ERROR = ("revisionReason", "HEALTH_CHECK_CONTAINER_ERROR")
    NON_ZERO_EXIT_CODE = ("executionReason", "NON_ZERO_EXIT_CODE")
    CANCELLED = ("executionReason", "CANCELLED")
    INTERNAL = ("reason", "INTERNAL")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a revision, a rollout or an execution failed, in one sentence and in the API's terms."""

    code: Code
    message: str
    reason: Reason


class RevisionState(Enum):
    STARTING = "CONDITION_RECONCILING"
    READY = "CONDITION_SUCCEEDED"
    FAILED = "CONDITION_FAILED"


@dataclass(frozen=True, slots=True)
class Revision:
    """One immutable version of a service. `image` is the reference pinned by digest, as asked when it is unknown.

    `generation` is that of the service as it was then.
    """

    id: RevisionId
    uid: str
    template: Document
    image: str
    created: str
    settled: str
    state: RevisionState = RevisionState.STARTING
    failure: Failure | None = None
    generation: int = 1


class Allocation(Enum):
    """How a traffic target names its revision; the values are the API's enum names."""

    LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
    REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the traffic that was asked for; revision is empty for LATEST, tag when it has none."""

    allocation: Allocation
    revision: str
    percent: int
    tag: str


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the traffic in effect: a target and the revision it stands for."""

    target: Target
    revision: str


@dataclass(frozen=True, slots=True)
class Service:
    """What was asked for (settings, template, traffic) and what is in effect (routes, latest_ready, problem).

    It is settled when `observed` has reached `generation`.
    """

    id: ServiceId
    uid: str
    generation: int
    settings: Document
    template: Document
    traffic: tuple[Target, ...]
    created: str
    updated: str
    latest_created: str
    latest_ready: str = ""
    observed: int = 0
    routes: tuple[Route, ...] = ()
    problem: Failure | None = None

    @property
    def etag(self) -> str:
        return f'"{self.uid[:8]}-{self.generation}"'
