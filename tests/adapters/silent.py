"""A request log that cannot be read, for suites whose targets keep none."""

from __future__ import annotations

from netra_loop.adapters.cloudlogs import CloudLogs, RequestLine
from netra_loop.adapters.suites.witness import Witness
from netra_loop.core.environment import Environment


class _NoLog(CloudLogs):
    def requests(self, query: str, limit: int) -> list[RequestLine]:
        raise ConnectionError("there is no log")


def silent_witness() -> Witness:
    """One who knows nothing, at once."""
    return Witness(_NoLog(Environment("local", "embedded", "p", "r", ())))
