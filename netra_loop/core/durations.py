"""Durations as people write them."""

from __future__ import annotations

import re

LONGEST = 7 * 24 * 3600.0  # seconds
_PATTERN = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str) -> float:
    """The seconds of `500ms`, `30s`, `5m`, `8h` or `2d`; more than none, a week at most. Raises ValueError."""
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no duration; it needs a unit, like 30s or 5m")
    value = float(match[1]) * _UNITS[match[2]]
    if not 0 < value <= LONGEST:
        raise ValueError(f"{text!r} is out of range; more than 0s, 7d at most")
    return value
