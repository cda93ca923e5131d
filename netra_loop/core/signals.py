"""What the platform tells of a tested revision beside its log: how it differs from a good one, and its requests."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from netra_loop.core.logs import LogsSeen

VARIABLE = "variable "  # before the names of those that changed
MOST_PATHS = 20  # files of a change that are named


@dataclass(frozen=True, slots=True)
class Changed:
    """One setting or variable of a revision; None where it had no value, or has none now."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Drift:
    """What differs between the tested revision of a target and the last one that a session proved good.

    commits, files: how many lie between the two, None where git cannot tell; paths: some of those files.
    """

    target: str
    good: str
    session_id: str
    tested: str
    changed: tuple[Changed, ...] = ()
    commits: int | None = None
    files: int | None = None
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests that a tested revision served, by the class of their status; latencies in seconds, 95 of 100 below.

    p50_s and p95_s are None where no request told its latency.
    """

    log: LogsSeen
    by_status: Mapping[str, int] = field(default_factory=dict)
    p50_s: float | None = None
    p95_s: float | None = None


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Changed, ...]:
    """What is other, by name."""
    names = sorted(before.keys() | after.keys())
    told = (Changed(name, before.get(name), after.get(name)) for name in names)
    return tuple(each for each in told if each.before != each.after)


def requests_seen(log: LogsSeen, served: Sequence[tuple[int, float | None]]) -> Requests:
    """served: the status and the latency of each request, 0 where an answer never came."""
    statuses = Counter(f"{status // 100}xx" if status else "none" for status, _ in served)
    latencies = sorted(latency for _, latency in served if latency is not None)
    return Requests(log, dict(sorted(statuses.items())), _rank(latencies, 0.5), _rank(latencies, 0.95))


def _rank(ordered: Sequence[float], share: float) -> float | None:
    """The percentile by nearest rank: one of the values."""
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None
