"""What a query of the log gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LogsSeen:
    """One log query and what it gave; window is `FROM/TO` in UTC."""

    target: str
    query: str
    window: str
    revision: str
    count: int
    truncated: bool
    by_severity: Mapping[str, int] = field(default_factory=dict)
