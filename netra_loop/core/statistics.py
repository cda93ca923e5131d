"""How far a share of few tests can be trusted."""

from __future__ import annotations

import math

_Z = 1.959964  # two-sided 95 % of the normal distribution


def wilson(successes: int, trials: int) -> tuple[float, float] | None:
    """The 95 % interval of a proportion (Wilson 1927), both ends in 0..1; None without trials."""
    if trials == 0:
        return None
    share, z2 = successes / trials, _Z * _Z
    middle = share + z2 / (2 * trials)
    spread = _Z * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials))
    scale = 1 + z2 / trials
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
