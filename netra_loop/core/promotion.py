"""How a revision comes to its traffic."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Strategy(Enum):
    """How a revision comes to its traffic: tried at 0 % and promoted at once or in stages, or all of it from the start.

    The first revision of a service has nothing to be tried beside: it gets all.
    """

    CANDIDATE = "candidate"
    GRADUAL = "gradual"
    DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class Promotion:
    """How traffic is shifted. stages: percents on the way of a gradual one, ascending, 100 % follows.

    hold: seconds that each stage is watched; samples: answers of the new revision that must be seen and good in that
    time, else the traffic stays where it is.
    """

    strategy: Strategy = Strategy.CANDIDATE
    stages: tuple[int, ...] = (10, 50)
    hold: float = 10.0
    samples: int = 10
