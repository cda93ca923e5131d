"""The connections to one instance that wait for their next request."""

import asyncio

import h11

from netra_loop.localrun.http1 import Peer
from netra_loop.localrun.wire import connect

KEPT = 0.5  # seconds; servers that serve one connection at a time must not wait longer for us to close it


class Connections:
    """Opens connections to a local port and keeps those that may carry another request, for a moment."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._kept: list[tuple[float, Peer]] = []
        self._closed = False
        self._sweep: asyncio.TimerHandle | None = None

    def take(self) -> Peer | None:
        """A kept connection that the instance has not closed, None when there is none."""
        while self._kept:
            _, peer = self._kept.pop()
            if peer.wire.is_silent:
                return peer
            peer.abort()
        return None

    async def open(self) -> Peer | None:
        """A new connection, in place of a kept one if there is any; None when nobody listens."""
        spare = self.take()
        if spare is not None:
            spare.abort()
        wire = await connect(self._port)
        return Peer(h11.CLIENT, wire) if wire else None

    def keep(self, peer: Peer) -> None:
        """Take back a connection; one that cannot carry another request is closed."""
        if self._closed or not (peer.may_go_on and peer.wire.is_silent) or peer.protocol.trailing_data[0]:
            peer.abort()
            return
        peer.next_cycle()
        loop = asyncio.get_running_loop()
        self._kept.append((loop.time(), peer))
        if self._sweep is None:
            self._sweep = loop.call_later(KEPT, self._close_old)

    def close(self) -> None:
        """Close what is kept, and keep nothing any more."""
        self._closed = True
        for _, peer in self._kept:
            peer.abort()
        self._kept.clear()

    def _close_old(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweep = None
        while self._kept and loop.time() - self._kept[0][0] >= KEPT:
            self._kept.pop(0)[1].abort()
        if self._kept:
            self._sweep = loop.call_at(self._kept[0][0] + KEPT, self._close_old)
