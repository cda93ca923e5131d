"""How long nobody has asked for anything, so that a forgotten server can end by itself."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Activity:
    """Counts the requests under way; while there is one, nobody is idle."""

    def __init__(self) -> None:
        self._under_way = 0
        self._last = time.monotonic()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Spans one request to the control plane or to a service, or one execution of a job."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._last = time.monotonic()

    def idle(self) -> float:
        """Seconds since the last request ended, 0 while one is under way."""
        return 0.0 if self._under_way else time.monotonic() - self._last
