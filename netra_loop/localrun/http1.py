"""One end of an HTTP/1.1 connection: h11 events over asyncio streams."""

import asyncio
import socket
from contextlib import suppress

import h11

BACKLOG = 1024
BLOCK = 64 * 1024
LARGEST_HEAD = 64 * 1024
Role = type[h11.CLIENT] | type[h11.SERVER]
LINGER = 1.0  # seconds to go on reading so that the peer can read our last words before it sees a reset


def listen(port: int = 0) -> socket.socket:
    """A socket that listens on 127.0.0.1; its protocol is named so that asyncio turns Nagle's delay off."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(BACKLOG)
    return listener


class Peer:
    """Who is at the other end. `ended` is true once it has closed its side."""

    def __init__(self, role: Role, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.protocol = h11.Connection(role, max_incomplete_event_size=LARGEST_HEAD)
        self.ended = False

    async def receive(self) -> h11.Event | None:
        """The next event; None while the protocol pauses, after an upgrade or a finished request.

        Raises h11.RemoteProtocolError for what is no HTTP, and OSError.
        """
        while True:
            event = self.protocol.next_event()
            if isinstance(event, h11.Event):
                return event
            if event is h11.PAUSED:
                return None
            await self._read()

    async def send(self, *events: h11.Event) -> None:
        """Send events and wait until the peer keeps up."""
        data = b"".join(self.protocol.send(event) or b"" for event in events)
        if data:
            self.writer.write(data)
            await self.writer.drain()

    async def gone(self) -> None:
        """Return when the peer closes its side; what it sends before that is kept for later, up to a block."""
        while not self.ended and len(self.protocol.trailing_data[0]) < BLOCK:
            await self._read()
        if not self.ended:
            await asyncio.get_running_loop().create_future()

    async def close(self) -> None:
        """Close, after giving a peer that may still be sending time to read what we said."""
        with suppress(OSError, TimeoutError):
            if not self.ended and self.protocol.their_state is not h11.DONE and self.writer.can_write_eof():
                self.writer.write_eof()
                async with asyncio.timeout(LINGER):
                    while await self.reader.read(BLOCK):
                        continue
        self.writer.close()

    def abort(self) -> None:
        """Drop the connection at once, so that the peer cannot take a half answer for a whole one."""
        self.writer.transport.abort()

    async def _read(self) -> None:
        data = await self.reader.read(BLOCK)
        self.ended = not data
        self.protocol.receive_data(data)
