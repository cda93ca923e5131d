"""A health check as it goes on: answers one after the other, until there were enough good ones in a row. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from netra_loop.core.target import HealthCheck


@dataclass(frozen=True, slots=True)
class Sample:
    """One look. at: seconds since the check began; latency in seconds and status, None where no whole answer came."""

    at: float
    latency: float | None
    status: int | None
    findings: tuple[str, ...]

    def __str__(self) -> str:
        took = "no answer" if self.latency is None else f"HTTP {self.status} in {self.latency:.4f} s"
        return f"{self.at:.3f} s: {took}; {'; '.join(self.findings) or 'good'}"


class Health(Enum):
    """What a watch says so far."""

    OPEN = "open"
    HEALTHY = "healthy"
    FLAPPING = "flapping"


@dataclass(frozen=True, slots=True)
class Watch:
    """All samples so far. row: how many good ones in a row, the first of them row_since seconds after the beginning.

    bad: how many were bad after the first good one.
    """

    samples: tuple[Sample, ...] = ()
    row: int = 0
    row_since: float = 0.0
    bad: int = 0
    was_good: bool = False

    def after(self, sample: Sample) -> Watch:
        """The watch with one more sample."""
        samples = (*self.samples, sample)
        if sample.findings:
            return replace(self, samples=samples, row=0, bad=self.bad + self.was_good)
        since = self.row_since if self.row else sample.at
        return replace(self, samples=samples, row=self.row + 1, row_since=since, was_good=True)

    def health(self, check: HealthCheck) -> Health:
        """HEALTHY with enough good answers in a row that cover enough time, FLAPPING with too many bad in between."""
        if self.bad > check.failures:
            return Health.FLAPPING
        covered = self.samples[-1].at - self.row_since if self.samples else 0.0
        enough = self.row >= check.consecutive and covered >= check.spread
        return Health.HEALTHY if enough else Health.OPEN

    @property
    def latencies(self) -> list[float]:
        """In seconds, the shortest first."""
        return sorted(sample.latency for sample in self.samples if sample.latency is not None)

    def findings(self, check: HealthCheck) -> tuple[str, ...]:
        """Why it is not healthy; empty when it is."""
        health, last = self.health(check), self.samples[-1].findings if self.samples else ("no answer yet",)
        if health is Health.FLAPPING:
            after = sum(1 for sample in self.samples if not sample.findings) + self.bad
            return (f"flapping: {self.bad} of {after} answers since the first good one were bad", *_last_bad(self))
        if health is Health.OPEN:
            return last or ("flapping: healthy, but not often enough in a row",)
        slow = percentile(self.latencies, 95)
        if check.max_p95 is not None and slow is not None and slow > check.max_p95:
            return (f"95 of 100 answers took up to {slow:.3f} s, {check.max_p95:g} s are allowed",)
        return ()


def _last_bad(watch: Watch) -> tuple[str, ...]:
    return next((sample.findings for sample in reversed(watch.samples) if sample.findings), ())


def percentile(ascending: Sequence[float], percent: int) -> float | None:
    """The least of the values that so many percent of them do not exceed (nearest rank); None for none at all."""
    if not ascending:
        return None
    return round(ascending[math.ceil(percent / 100 * len(ascending)) - 1], 4)
