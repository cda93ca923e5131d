"""What a query of the log gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

SEVERE = frozenset({"WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"})  # Cloud Logging's, from WARNING upwards


@dataclass(frozen=True, slots=True)
class Pattern:
    """Entries of one severity that say the same but for numbers, ids, hosts and paths; example is the first of them."""

    severity: str
    text: str
    count: int
    example: str


class Trend(Enum):
    NEW = "new since"
    GONE = "gone"
    MORE = "three times as often"
    LESS = "a third as often"


@dataclass(frozen=True, slots=True)
class Change:
    """A pattern that is told otherwise than in the last good session, with how many entries it has and had."""

    trend: Trend
    severity: str
    text: str
    now: int
    then: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed since the last good session of a target; tests: how many ran against it, now and then.

    refused: why nothing is claimed, empty where it is. unlisted: how many further changes there are.
    """

    session_id: str = ""
    tests_now: int = 0
    tests_then: int = 0
    changes: tuple[Change, ...] = ()
    unlisted: int = 0
    refused: str = ""


@dataclass(frozen=True, slots=True)
class LogsSeen:
    """One log query and what it gave; window is `FROM/TO` in UTC.

    patterns: what its entries say, severe ones first, the most frequent first, a traceback being one entry; other: how
    many are in none of them. of_good_session: the last good session, if these entries are of that and not of this one.
    """

    target: str
    query: str
    window: str
    revision: str
    count: int
    truncated: bool
    by_severity: Mapping[str, int] = field(default_factory=dict)
    patterns: tuple[Pattern, ...] = ()
    other: int = 0
    of_good_session: str = ""
    comparison: Comparison | None = None
