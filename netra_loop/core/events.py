"""What happened: the facts of every act, and the events that the journal keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from netra_loop.core.outcome import Colour, Outcome, Proof, TestOutcome
from netra_loop.core.plan import Kind, Plan, ResumeClass
from netra_loop.core.problem import Diagnosed, Evidence, Receipt
from netra_loop.core.proof import Facts


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
class Share:
    """One line of a service's traffic, in percent."""

    revision: str
    percent: int
    tag: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Deployed:
    """A revision that is Ready. strategy: `candidate` (0 %, own URL) or `direct` (the service's first revision).

    changes: the ids of the remedies that it contains.
    """

    target: str
    service: str
    revision: str
    image_digest: str
    url: str
    candidate_url: str
    created: str
    strategy: str
    identity: str
    previous_revision: str = ""
    traffic_before: tuple[Share, ...] = ()
    traffic_after: tuple[Share, ...] = ()
    adopted: bool = False
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrafficShifted:
    """The effect of a promote or a restore; `answers` are the base URL's answers that named the revision in a row."""

    target: str
    service: str
    revision: str
    url: str
    traffic_before: tuple[Share, ...]
    traffic_after: tuple[Share, ...]
    identity: str
    answers: int


@dataclass(frozen=True, slots=True)
class DependencyState:
    """state: connected degraded failed disabled unreachable not_checked."""

    name: str
    state: str
    required: bool


@dataclass(frozen=True, slots=True)
class HealthSeen:
    """What a health check saw; url is the base that was asked, latencies in seconds."""

    target: str
    url: str
    revision: str
    samples: int
    consecutive: int
    latency_median_s: float | None
    latency_max_s: float | None
    dependencies: tuple[DependencyState, ...] = ()


@dataclass(frozen=True, slots=True)
class WebSocketSeen:
    """What a WebSocket check saw; times in seconds, None where it did not get that far."""

    target: str
    url: str
    connect_s: float | None
    first_message_s: float | None
    event_s: float | None


@dataclass(frozen=True, slots=True)
class LogsSeen:
    """One log query and what it gave; window is `FROM/TO` in UTC."""

    target: str
    query: str
    window: str
    revision: str
    count: int
    truncated: bool
    by_severity: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SuiteSeen:
    """How a suite's process ended. ended_by: `itself`, `timeout`, `idle` or `stop`. revisions: what its targets served.

    began: our plugin spoke at all. finished: it told of the end of the test session too. strange: how many of its
    lines contradict each other. deselected: tests that were found and left out, None where nobody told. cut: why it
    stopped before all of them had run, as it says itself. changed: test files that are not as they were before. moved:
    targets whose service was changed meanwhile, though they serve the same revision afterwards. witness: what
    the targets' own log was asked, None where it was not; witnessed: by test, the requests that the tested revisions
    served by that log.
    """

    suite: str
    exit_code: int | None
    ended_by: str
    began: bool
    finished: bool
    leaked: int
    revisions: Mapping[str, str]
    revisions_after: Mapping[str, str]
    collection_errors: tuple[str, ...] = ()
    deselected: int | None = None
    strange: int = 0
    cut: str = ""
    changed: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    witness: LogsSeen | None = None
    witnessed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ControlSeen:
    """How a suite's tests ended without their target: nobody listening, and wrong answers only.

    digest: of everything that decides how the tests behave; cached: it was the same when they last ran so.
    """

    suite: str
    digest: str
    cached: bool
    dead: Mapping[str, TestOutcome]
    sabotaged: Mapping[str, TestOutcome]


@dataclass(frozen=True, slots=True)
class CommandSeen:
    """How a `run` step's command ended."""

    exit_code: int | None


Seen = (
    Deployed
    | TrafficShifted
    | HealthSeen
    | WebSocketSeen
    | SuiteSeen
    | ControlSeen
    | CommandSeen
    | LogsSeen
    | Diagnosed
    | Receipt
)


@dataclass(frozen=True, slots=True)
class Result:
    """How an act ended and why, with what was seen of the world afterwards."""

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    seen: Seen | None = None
    evidence: tuple[Evidence, ...] = ()


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
class Before:
    """How the session before ended, as its own journal told; counted of collected in its newest iteration."""

    session_id: str
    focus: str
    environment: str
    verdict: str
    exit_code: int | None
    collected: int
    counted: int
    red: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """last_collected: how many tests each suite found in the newest earlier session that ran the very same."""

    session_id: str
    plan: Plan
    command: str
    git: Git | None
    previous: str
    version: str
    before: Before | None = None
    last_collected: Mapping[str, int] = field(default_factory=dict)


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
