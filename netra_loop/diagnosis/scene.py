"""Everything a diagnosis may look at, gathered before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netra_loop.core.logs import LogsSeen
from netra_loop.core.problem import Evidence, TestName
from netra_loop.core.target import Dependency

SLACK = 1.0  # seconds that an entry may lie outside its test's window: two clocks, and a line on its way


@dataclass(frozen=True, slots=True)
class Failure:
    """A red test: what it said, when it ran (seconds since the epoch, None where unknown), what it was pointed at."""

    name: TestName
    message: str
    start: float | None
    end: float | None
    targets: tuple[str, ...]
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Passed:
    """A test that passed with proof: when it ran, in seconds since the epoch, and what it was pointed at.

    entry: the number of the journal's entry that told its end.
    """

    name: TestName
    start: float
    end: float
    targets: tuple[str, ...]
    entry: int = 0


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One log entry of a target; number is its line in the kept artifact, at in seconds since the epoch."""

    number: int
    target: str
    at: float
    severity: str
    message: str
    fields: Mapping[str, str | float | bool | None] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True, slots=True)
class DownDependency:
    """A declared dependency that a health check of its target saw down."""

    target: str
    dependency: Dependency
    state: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class SharedUser:
    """Suites that ran side by side as one user."""

    user: str
    suites: tuple[str, ...]
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Kept:
    """Where the log entries of a target were kept."""

    ref: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Scene:
    """What was seen of one iteration. variables: what each target was deployed with, by name.

    silent: those of them that red tests were pointed at and whose log has nothing at all.
    """

    failures: tuple[Failure, ...]
    entries: tuple[LogEntry, ...] = ()
    kept: Mapping[str, Kept] = field(default_factory=dict)
    down: tuple[DownDependency, ...] = ()
    variables: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    shared_users: tuple[SharedUser, ...] = ()
    passed: tuple[Passed, ...] = ()
    environment: str = ""
    user_pool: tuple[str, ...] = ()
    logs: tuple[LogsSeen, ...] = ()
    silent: tuple[str, ...] = ()

    @property
    def truncated(self) -> bool:
        """Whether a service wrote more than was read."""
        return any(log.truncated for log in self.logs)


def in_window(entry: LogEntry, failure: Failure) -> bool:
    """Whether an entry of one of a test's targets was written while the test ran."""
    if failure.start is None or failure.end is None or entry.target not in failure.targets:
        return False
    return failure.start - SLACK <= entry.at <= failure.end + SLACK


def met(entry: LogEntry, passed: Passed) -> bool:
    """Whether an entry of a target was written while a test that passed ran against it; nothing is added to its time.

    Tests follow each other closely: with slack, the neighbours of a red test would all have met its entries.
    """
    return entry.target in passed.targets and passed.start <= entry.at <= passed.end
