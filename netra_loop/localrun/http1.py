"""One end of an HTTP/1.1 connection: h11 events over asyncio streams."""

import asyncio
import socket
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress

import h11

BACKLOG = 1024
BLOCK = 64 * 1024
LARGEST_HEAD = 64 * 1024
BOTH_DONE = {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}
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
        self._wants_body = True

    async def receive(self) -> h11.Event | None:
        """The next event; None while the protocol pauses, after an upgrade or a finished request.

        Raises h11.RemoteProtocolError for what is no HTTP, and OSError.
        """
        while True:
            event = self.protocol.next_event()
            if isinstance(event, h11.Request):
                self._wants_body = event.method != b"HEAD"
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

    async def answer(self, status: int, content_type: str, body: bytes, *more: tuple[str, str]) -> None:
        """Send a whole answer. It announces the end of the connection when the request was not read to its end."""
        headers = [("content-type", content_type), ("content-length", str(len(body))), *more]
        if not self._request_is_read():
            headers.append(("connection", "close"))
        response = h11.Response(status_code=status, headers=headers, reason=b"")
        await self.send(response, h11.Data(data=body if self._wants_body else b""), h11.EndOfMessage())

    def _request_is_read(self) -> bool:
        """Whether nothing is left of the request; the end of one without a body may only wait to be noticed."""
        with suppress(h11.RemoteProtocolError):
            if self.protocol.their_state is h11.SEND_BODY:
                self.protocol.next_event()
        return self.protocol.their_state not in (h11.SEND_BODY, h11.ERROR)

    def next_cycle(self) -> None:
        """Begin with the next request of the connection."""
        self.protocol.start_next_cycle()
        self._wants_body = True

    async def gone(self) -> None:
        """Return when the peer closes its side; what it sends before that is kept for later, up to a block."""
        while not self.ended and len(self.protocol.trailing_data[0]) < BLOCK:
            await self._read()
        if not self.ended:
            await asyncio.get_running_loop().create_future()

    async def close(self) -> None:
        """Close, after giving a peer that may still be sending time to read what we said."""
        with suppress(OSError):
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


class Conversations:
    """The connections that one listener accepted; whatever goes wrong in one of them ends only that one."""

    def __init__(self, serve_one: Callable[[Peer], Awaitable[bool]]) -> None:
        """`serve_one` serves the next request of a client and returns False after the last."""
        self._serve_one = serve_one
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, listener: socket.socket) -> asyncio.Server:
        """Begin to accept connections."""
        return await asyncio.start_server(self._accept, sock=listener, backlog=BACKLOG)

    def drop(self) -> None:
        """End all connections at once."""
        for task in self._tasks:
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it is over."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        client = Peer(h11.SERVER, reader, writer)
        try:
            while await self._serve_one(client) and client.protocol.states == BOTH_DONE:
                client.next_cycle()
            await client.close()
        except (OSError, asyncio.CancelledError):
            client.abort()
        except Exception:
            traceback.print_exc()
            client.abort()
