"""What happened: the events that the journal keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from netra_loop.core.compliance import Checked
from netra_loop.core.outcome import Colour, Proof, TestOutcome
from netra_loop.core.past import Past
from netra_loop.core.plan import Kind, Plan, ResumeClass
from netra_loop.core.problem import TestName
from netra_loop.core.proof import Facts
from netra_loop.core.seen import Result


@dataclass(frozen=True, slots=True)
class Act:
    """Anything with one outcome. `key` makes its effect recognisable after a crash; `holds` is what it needs alone.

    user: the test user that a suite is given, empty where the environment has none.
    """

    id: str
    kind: Kind
    iteration: int
    step: str
    subject: str
    key: str
    resume: ResumeClass
    timeout: float
    holds: frozenset[str] = frozenset()
    user: str = ""


@dataclass(frozen=True, slots=True)
class TestResult:
    """How one test ended; duration in seconds, None where unknown. A test may have several, one an attempt.

    ended: when its process told so, in seconds since the epoch. sensitive: what the negative control says of it.
    """

    __test__ = False

    id: str
    outcome: TestOutcome
    duration_s: float | None = None
    message: str = ""
    attempt: int = 1
    proof: Proof | None = None
    reasons: tuple[str, ...] = ()
    sensitive: bool | None = None
    facts: Facts | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the session ended: the colour is what the evidence says, the exit code also why it stopped."""

    colour: Colour
    reason: str
    exit_code: int


@dataclass(frozen=True, slots=True)
class Git:
    """The project's commit at the session's opening; dirty: tracked or new files differ from it."""

    sha: str
    branch: str
    dirty: bool


@dataclass(frozen=True, slots=True)
class Repair:
    """A remedy that a session has verified, and the tests that it turned green."""

    change: str
    tests: tuple[TestName, ...]


@dataclass(frozen=True, slots=True)
class Before:
    """How the session before ended, as its own journal told.

    Of its newest iteration: counted of collected, and what the last check of its files said. repairs: what it verified.
    """

    session_id: str
    focus: str
    environment: str
    verdict: str
    exit_code: int | None
    collected: int
    counted: int
    red: tuple[str, ...]
    checked: Checked | None = None
    repairs: tuple[Repair, ...] = ()


@dataclass(frozen=True, slots=True)
class GoodRevision:
    """A revision that a session proved good and left serving: the ledger that rollbacks choose from.

    commit: what stands for that which was deployed; built_from: the commit of its source, empty where that did not hold
    everything, or it was made of an image. since, until: when it was tested, in UTC, empty where nobody knows; tests:
    how many tests ran against it meanwhile.
    """

    target: str
    revision: str
    commit: str
    session_id: str
    since: str = ""
    until: str = ""
    tests: int = 0
    built_from: str = ""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A commit of a target that a session rolled back; it is deployed again only when a person says so."""

    target: str
    commit: str
    revision: str
    session_id: str


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """last_collected: how many tests each suite found in the newest earlier session that ran the very same.

    good: for each target the revisions proven good in this environment, the newest first. past: what the history says.
    """

    session_id: str
    plan: Plan
    command: str
    git: Git | None
    previous: str
    version: str
    before: Before | None = None
    last_collected: Mapping[str, int] = field(default_factory=dict)
    good: tuple[GoodRevision, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    past: Past = field(default_factory=Past)


@dataclass(frozen=True, slots=True)
class SessionResumed:
    command: str


@dataclass(frozen=True, slots=True)
class IterationBegun:
    number: int


@dataclass(frozen=True, slots=True)
class ActStarted:
    act: Act


@dataclass(frozen=True, slots=True)
class HandleKnown:
    """What makes a running act recognisable from outside: `command`, `pid`, `revision`, `operation`, `url` ..."""

    act_id: str
    handle: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TestsCollected:
    """Some of the tests that a suite's runner found; a suite may announce them in several of these."""

    __test__ = False

    act_id: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TestsObserved:
    """Tests that ended, and those that were seen to start."""

    __test__ = False

    act_id: str
    results: tuple[TestResult, ...]
    started: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopAsked:
    act_id: str
    why: str


@dataclass(frozen=True, slots=True)
class ActEnded:
    act_id: str
    result: Result


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time passed a point that the policy wanted to be woken at."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A signal asked the session to stop; number as in signal(7)."""

    signal: int


@dataclass(frozen=True, slots=True)
class ReaderUnplugged:
    """A view could not be drawn and is drawn no more; the session goes on."""

    reader: str
    message: str


@dataclass(frozen=True, slots=True)
class SessionFinished:
    verdict: Verdict


Event = (
    SessionOpened
    | SessionResumed
    | IterationBegun
    | ActStarted
    | HandleKnown
    | TestsCollected
    | TestsObserved
    | StopAsked
    | ActEnded
    | Ticked
    | Interrupted
    | ReaderUnplugged
    | SessionFinished
)


@dataclass(frozen=True, slots=True)
class Entry:
    """An event with its number, from 1 without gaps, and its time in UTC."""

    seq: int
    at: datetime
    event: Event
