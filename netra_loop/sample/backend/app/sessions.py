"""The session store, for now in this process."""

from collections import Counter
from uuid import uuid4


class InProcessSessions:
    """What is remembered between two calls of one login. Asynchronous, because a store elsewhere would have to be."""

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()

    async def ping(self) -> None:
        """Returns when the store answers; raises OSError when it cannot be reached."""

    async def open(self) -> str:
        return uuid4().hex

    async def count_call(self, session: str) -> int:
        """How many calls the session has made, this one included."""
        self._calls[session] += 1
        return self._calls[session]
