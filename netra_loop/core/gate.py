"""What a suite must reach to pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How many red tests a gate forgives: a count, or a share that must stay below `below_percent`."""

    count: int = 0
    below_percent: float | None = None

    def forgives(self, red: int, collected: int) -> bool:
        if self.below_percent is None:
            return red <= self.count
        return red == 0 or (collected > 0 and 100 * red < self.below_percent * collected)

    def __str__(self) -> str:
        return str(self.count) if self.below_percent is None else f"<{self.below_percent:g}%"


class GateMode(Enum):
    """Whether what a gate finds decides about the session, or is only told."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


@dataclass(frozen=True, slots=True)
class Gate:
    """What a suite must reach beyond having no surprises; min_duration in seconds."""

    tolerance: Tolerance = field(default_factory=Tolerance)
    min_tests: int = 1
    max_skipped: int = 0
    min_duration: float = 0.0
    mode: GateMode = GateMode.ENFORCE
