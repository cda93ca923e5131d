"""The time of this machine, made monotonic."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """UTC that starts at the wall clock and goes on by the monotonic one: a clock that is set back moves nothing."""

    def __init__(self) -> None:
        self._wall = datetime.now(UTC)
        self._mono = time.monotonic()

    def now(self) -> datetime:
        return self._wall + timedelta(seconds=time.monotonic() - self._mono)
