"""What broke and what can be done about it: problems with their whys, remedies with their receipts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from netra_loop.core.knowledge import RemedyKind
from netra_loop.core.logs import LogsSeen
from netra_loop.core.signals import Drift, Requests


@dataclass(frozen=True, slots=True)
class Evidence:
    """What we saw and where it is kept: a bounded, redacted excerpt, the artifact's path and its sha256.

    entry: the number of the journal's entry that recorded it, 0 where that is the one which this evidence is part of.
    """

    title: str
    excerpt: str = ""
    ref: str = ""
    sha256: str = ""
    truncated: bool = False
    entry: int = 0


@dataclass(frozen=True, slots=True, order=True)
class TestName:
    """One test of one suite."""

    __test__ = False

    suite: str
    test: str


class WhyStatus(Enum):
    CONFIRMED = "confirmed"
    HYPOTHESIS = "hypothesis"


@dataclass(frozen=True, slots=True)
class Why:
    """One claim. CONFIRMED says that its evidence was seen; figures are the numbers that the claim rests on.

    undecided: of a hypothesis, the observation that would decide it. by: whose claim it is, empty for ours.
    """

    claim: str
    status: WhyStatus
    evidence: tuple[Evidence, ...] = ()
    figures: Mapping[str, int | float] = field(default_factory=dict)
    undecided: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Red tests, or steps that did not pass, with one explanation.

    root_cause is empty unless every why is confirmed. shapes: the signature of each single thing that its tests say.
    """

    id: str
    signature: str
    title: str
    tests: tuple[TestName, ...]
    whys: tuple[Why, ...]
    root_cause: str = ""
    steps: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Remedy:
    """One bounded change against a problem. id is its own in the session, the same for the same change.

    refusal says why the bounds forbid it, and is empty otherwise. permanent is the line that would make it last. Of
    what changes code: file, key and argv as its cause tells them; commit: the one to go back to.
    """

    id: str
    problem: str
    kind: RemedyKind
    target: str
    variable: str
    before: str | None
    after: str
    tests: tuple[TestName, ...]
    figures: Mapping[str, int | float] = field(default_factory=dict)
    refusal: str = ""
    permanent: str = ""
    file: str = ""
    key: str = ""
    argv: tuple[str, ...] = ()
    commit: str = ""

    @property
    def change(self) -> str:
        """What changes, in one line."""
        where = f"{self.target} " if self.target else ""
        return f"{where}{self.variable}: {self.before or '(not set)'} -> {self.after or '(no value within the bounds)'}"

    def changes_the_same(self, other: Remedy) -> bool:
        """Whether both make the same change."""
        return (self.kind, self.target, self.variable, self.after) == (
            other.kind,
            other.target,
            other.variable,
            other.after,
        )


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of the session: its path, its sha256, its size in bytes."""

    ref: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Consulted:
    """An outside program was asked about the problems without a root cause; exit_code is None where we ended it.

    bundle: what it was given; answer: what it printed; hypotheses: how many it gave. failure: why its answer is of no
    use, empty where it is.
    """

    command: tuple[str, ...]
    exit_code: int | None
    duration_s: float
    bundle: Artifact
    answer: Artifact
    hypotheses: int = 0
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """What explains the red tests of an iteration, and what could be done; entries: how many log entries were read.

    logs: every query and what it gave. consulted: the outside program that was asked for more.
    drifts, requests: what the platform told of each tested revision.
    """

    problems: tuple[Problem, ...]
    remedies: tuple[Remedy, ...]
    entries: int
    truncated: bool = False
    logs: tuple[LogsSeen, ...] = ()
    consulted: Consulted | None = None
    drifts: tuple[Drift, ...] = ()
    requests: tuple[Requests, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was done for a remedy: what was changed, from what to what.

    Of what changes code: the commit in the session's copy, empty where nothing was committed; the diff; why a person
    must look at it first, empty where nobody must.
    """

    remedy: str
    before: Mapping[str, str]
    after: Mapping[str, str]
    commit: str = ""
    diff: Evidence | None = None
    violations: tuple[str, ...] = ()
