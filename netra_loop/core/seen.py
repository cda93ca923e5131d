"""What an act saw of the world, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netra_loop.core.compliance import Checked
from netra_loop.core.logs import LogsSeen
from netra_loop.core.outcome import Outcome, TestOutcome
from netra_loop.core.problem import Diagnosed, Evidence, Receipt


@dataclass(frozen=True, slots=True)
class Share:
    """One line of a service's traffic, in percent."""

    revision: str
    percent: int
    tag: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Deployed:
    """A revision that is Ready. strategy: `candidate` (0 %, own URL), `direct` (all traffic at once) or `unchanged`
    (what serves is what would be deployed); why: what led to it, where the plan did not say so.

    changes: the ids of the remedies that it contains. pinned: the traffic went by revision name before, so that a
    plain deploy would have served nothing. commit: of the project; settings: digest of all that decides what the
    revision does. checked: what was looked at before.
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
    why: str = ""
    pinned: bool = False
    commit: str = ""
    settings: str = ""
    checked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a gradual shift: how long it was watched in seconds, and the new revision's answers in that time."""

    percent: int
    watched_s: float
    samples: int
    bad: int


@dataclass(frozen=True, slots=True)
class TrafficShifted:
    """The effect of a promote, a restore or a rollback.

    answers: how many of the base URL's answers named the revision in a row; checked: how the revision was found
    healthy at a tag's URL before it got traffic. commits: of a rollback, what stands for the code of each revision that
    had traffic before; without those that differ from where it went in nothing but their traffic.
    """

    target: str
    service: str
    revision: str
    url: str
    traffic_before: tuple[Share, ...]
    traffic_after: tuple[Share, ...]
    identity: str
    answers: int
    stages: tuple[Stage, ...] = ()
    checked: str = ""
    commits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DependencyState:
    """state: connected degraded failed disabled unreachable not_checked."""

    name: str
    state: str
    required: bool


@dataclass(frozen=True, slots=True)
class HealthSeen:
    """What a health check saw; url is the base that was asked, latencies in seconds.

    bad: how many answers were, after the first good one. clock_skew_s: how far its clock is ahead of ours, as its
    answers say to the second; None where they say nothing. answered: how many samples got a whole answer, good or bad,
    which the latencies are of; None where that was not recorded.
    """

    target: str
    url: str
    revision: str
    samples: int
    consecutive: int
    latency_median_s: float | None
    latency_max_s: float | None
    dependencies: tuple[DependencyState, ...] = ()
    bad: int = 0
    latency_p95_s: float | None = None
    latency_p99_s: float | None = None
    clock_skew_s: float | None = None
    answered: int | None = None


@dataclass(frozen=True, slots=True)
class WebSocketSeen:
    """What a WebSocket check saw; times in seconds at the median, None where no connection got that far.

    connections: how many were tried side by side; opened, greeted with a first message, answered with the event.
    cut_off: by the name of a deadline, how many it ended.
    """

    target: str
    url: str
    connect_s: float | None
    first_message_s: float | None
    event_s: float | None
    connections: int = 1
    opened: int = 0
    greeted: int = 0
    answered: int = 0
    connect_p95_s: float | None = None
    first_message_p95_s: float | None = None
    cut_off: Mapping[str, int] = field(default_factory=dict)


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
    | Checked
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
