"""What a service may use (stand-in until the real one lands)."""

from __future__ import annotations

from enum import Enum


class Setting(Enum):
    MEMORY = "memory"
    CPU = "cpu"
    CONCURRENCY = "concurrency"
    MIN_INSTANCES = "min_instances"
    MAX_INSTANCES = "max_instances"
    TIMEOUT = "timeout"


def raised(setting: Setting, value: str, factor: float, cap: str) -> str | None:
    return None
