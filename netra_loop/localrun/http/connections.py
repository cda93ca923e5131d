"""The connections to one instance that wait for their next request."""

import asyncio

from netra_loop.localrun.http.link import Link
from netra_loop.localrun.http.wire import connect

KEPT = 0.5  # seconds; servers that serve one connection at a time must not wait longer for us to close it


class Connections:
    """Opens connections to a local port and keeps those that may carry another request, for a moment."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._kept: list[tuple[float, Link]] = []
        self._closed = False
        self._sweep: asyncio.TimerHandle | None = None

    def take(self) -> Link | None:
        """A kept connection that the instance has not closed, None when there is none."""
        while self._kept:
            _, link = self._kept.pop()
            if link.is_silent:
                return link
            link.wire.abort()
        return None

    async def open(self) -> Link | None:
        """A new connection, in place of a kept one if there is any; None when nobody listens."""
        spare = self.take()
        if spare is not None:
            spare.wire.abort()
        wire = await connect(self._port)
        return Link(wire) if wire else None

    def keep(self, link: Link) -> None:
        """Take back a connection; one that cannot carry another request is closed."""
        if self._closed or not (link.goes_on and link.is_read and link.is_silent):
            link.wire.close()
            return
        link.is_reused = True
        loop = asyncio.get_running_loop()
        self._kept.append((loop.time(), link))
        if self._sweep is None:
            self._sweep = loop.call_later(KEPT, self._close_old)

    def close(self) -> None:
        """Close what is kept, and keep nothing any more."""
        self._closed = True
        for _, link in self._kept:
            link.wire.abort()
        self._kept.clear()

    def _close_old(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweep = None
        while self._kept and loop.time() - self._kept[0][0] >= KEPT:
            self._kept.pop(0)[1].wire.abort()
        if self._kept:
            self._sweep = loop.call_at(self._kept[0][0] + KEPT, self._close_old)
