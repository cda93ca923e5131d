"""A limit derived from recorded durations: never guessed, never beyond its cap."""

from __future__ import annotations

import math
from collections.abc import Sequence

FEWEST = 3  # durations below which a percentile says nothing


def p95(durations: Sequence[float]) -> float:
    """The 95th percentile by nearest rank: one of the durations. Raises ValueError for none."""
    if not durations:
        raise ValueError("a percentile needs durations")
    return sorted(durations)[math.ceil(0.95 * len(durations)) - 1]


def raised_limit(seen: float, headroom: float, cap: float) -> float | None:
    """The limit for work that takes `seen` seconds: with headroom, up to a tenth, at most the cap.

    None when the work itself takes longer than the cap.
    """
    if seen > cap:
        return None
    tenths = math.ceil(round(seen * headroom * 10, 6))  # 2.0000000001 is 2
    return min(cap, tenths / 10 if tenths / 10 >= seen else (tenths + 1) / 10)
