"""When a stage of a gradual shift is over: enough good answers of the new revision, or one that is not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from netra_loop.core.promotion import Promotion

WAITS = 3  # times as long as it shall be watched anyway
LEAST_PATIENCE = 30.0  # seconds


class Going(Enum):
    """What a stage says of the shift."""

    HOLD = "hold"  # not watched for long enough, or too few answers: the traffic stays as it is
    ON = "on"
    BACK = "back"  # an answer was bad, or too few came for far too long


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen at one stage so far: seconds, the new revision's answers, and what was wrong with the bad ones."""

    seconds: float = 0.0
    samples: int = 0
    findings: tuple[str, ...] = ()


def going(promotion: Promotion, watched: Watched) -> Going:
    """No answers are no good ones: without enough of them the shift never goes on."""
    if watched.seconds >= promotion.hold and watched.samples >= promotion.samples and not watched.findings:
        return Going.ON
    if watched.findings or watched.seconds >= patience(promotion):
        return Going.BACK
    return Going.HOLD


def patience(promotion: Promotion) -> float:
    """The seconds that a stage may hold for want of answers."""
    return WAITS * promotion.hold + LEAST_PATIENCE


def longest(promotion: Promotion) -> float:
    """The seconds that all stages together may be watched at most."""
    return len(promotion.stages) * patience(promotion)
