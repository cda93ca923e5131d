"""Everything a diagnosis may look at, gathered before it begins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from netra_loop.core.logs import LogsSeen
from netra_loop.core.past import Refuted
from netra_loop.core.problem import Evidence, TestName
from netra_loop.core.signals import Drift, Requests
from netra_loop.core.target import Dependency


@dataclass(frozen=True, slots=True)
class Failure:
    """A red test: what it said, when it ran (seconds since the epoch, None where unknown), what it was pointed at.

    trace: the id that its requests carried, empty where none did. Or a deploy or check that did not pass: then step is
    its id, and that of the plan's step is its name. contact: whether a target answered the test itself; None where
    nobody knows.
    """

    name: TestName
    message: str
    start: float | None
    end: float | None
    targets: tuple[str, ...]
    evidence: Evidence
    trace: str = ""
    step: str = ""
    contact: bool | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """A test that passed: when it ran, in seconds since the epoch, and what it was pointed at.

    entry: the number of the journal's entry that told its end. counts: whether there is proof.
    """

    name: TestName
    start: float
    end: float
    targets: tuple[str, ...]
    trace: str = ""
    entry: int = 0
    counts: bool = True


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One log entry of a target; number is its line in the kept artifact, at in seconds since the epoch.

    trace: that of the request it was written for, empty where nobody knows. instance: of the service, empty where that
    is not told. A traceback is one entry.
    """

    number: int
    target: str
    at: float
    severity: str
    message: str
    fields: Mapping[str, str | float | bool | None] = field(default_factory=dict)
    text: str = ""
    trace: str = ""
    instance: str = ""

    def find(self, pattern: str) -> re.Match[str] | None:
        """A match in the message, else in a field that says something, such as the error of a structured entry."""
        words = (value for name, value in self.fields.items() if name != "message" and isinstance(value, str))
        return next(filter(None, (re.search(pattern, text) for text in (self.message, *words))), None)


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

    statuses: how the requests of a test were answered, and served: by which instances, by the test's trace.

    silent: those of them that red tests were pointed at and whose log has nothing at all. refuted: by earlier
    sessions. settings: what each target may use. good_commits: of each target that is built from source, the newest
    other commit that a session proved good. good_images: of each target the image of its last good revision, where that
    is another than the tested one's.
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
    drifts: tuple[Drift, ...] = ()
    requests: tuple[Requests, ...] = ()
    statuses: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    served: Mapping[str, frozenset[str]] = field(default_factory=dict)
    refuted: tuple[Refuted, ...] = ()
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    good_commits: Mapping[str, str] = field(default_factory=dict)
    good_images: Mapping[str, str] = field(default_factory=dict)

    @property
    def traces(self) -> frozenset[str]:
        """Those of all its tests."""
        traces = {failure.trace for failure in self.failures} | {passed.trace for passed in self.passed}
        return frozenset(traces - {""})

    @property
    def truncated(self) -> bool:
        """Whether a service wrote more than was read."""
        return any(log.truncated for log in self.logs_under_test)

    @property
    def logs_under_test(self) -> tuple[LogsSeen, ...]:
        """Without those of the last good session."""
        return tuple(log for log in self.logs if not log.of_good_session)
