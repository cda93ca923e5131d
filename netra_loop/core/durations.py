"""Durations as people write them."""

from __future__ import annotations

import re

LONGEST = 7 * 24 * 3600.0  # seconds
_PATTERN = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)(ms|s|m|h)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """The seconds of `500ms`, `30s`, `5m` or `8h`; more than 0 and at most 7 days. Raises ValueError."""
    found = _PATTERN.fullmatch(text)
    if found is None:
        raise ValueError(f"is no duration: {text!r}; write it like 500ms, 30s, 5m or 8h")
    if found[2] is None:
        raise ValueError("needs a unit, like 30s or 5m")
    value = float(found[1]) * _UNITS[found[2]]
    if value <= 0:
        raise ValueError("must be more than 0")
    if value > LONGEST:
        raise ValueError("must be at most 7 days (168h)")
    return value
