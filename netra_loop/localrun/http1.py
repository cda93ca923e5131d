"""One end of an HTTP/1.1 connection: h11 events over the bytes of a wire."""

import asyncio
import socket
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import urlsplit

import h11

from netra_loop.localrun.wire import BACKLOG, Wire

LARGEST_HEAD = 64 * 1024
BOTH_DONE = {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}
LOCAL_HOSTS = ("127.0.0.1", "localhost")
Role = type[h11.CLIENT] | type[h11.SERVER]
LINGER = 1.0  # seconds to go on reading so that the peer can read our last words before it sees a reset


class Peer:
    """Who is at the other end."""

    def __init__(self, role: Role, wire: Wire) -> None:
        self.wire = wire
        self.protocol = h11.Connection(role, max_incomplete_event_size=LARGEST_HEAD)
        self._wants_body = True

    @property
    def ended(self) -> bool:
        """Whether it has closed its side."""
        return self.wire.ended

    @property
    def may_go_on(self) -> bool:
        """Whether a request was served to its end and the connection can carry another."""
        return self.protocol.states == BOTH_DONE

    async def receive(self) -> h11.Event | None:
        """The next event; None while the protocol pauses, after an upgrade or a finished request.

        Raises h11.RemoteProtocolError for what is no HTTP, and OSError.
        """
        while (event := self._next()) is h11.NEED_DATA:
            self.protocol.receive_data(await self.wire.read())
        return event if isinstance(event, h11.Event) else None

    def received(self) -> list[h11.Event]:
        """The events that have arrived already, up to the end of the message. Raises h11.RemoteProtocolError."""
        events: list[h11.Event] = []
        while not (events and isinstance(events[-1], h11.EndOfMessage)):
            event = self._next()
            if not isinstance(event, h11.Event):
                break
            events.append(event)
        return events

    async def send(self, *events: h11.Event) -> None:
        """Send events and wait until the peer keeps up."""
        data = b"".join([self.protocol.send(event) or b"" for event in events])
        if data:
            await self.wire.write(data)

    async def answer(self, status: int, content_type: str, body: bytes) -> None:
        """Send a whole answer. It announces the end of the connection when the request was not read to its end."""
        headers = [("content-type", content_type), ("content-length", str(len(body)))]
        if not self._request_is_read():
            headers.append(("connection", "close"))
        response = h11.Response(status_code=status, headers=headers, reason=b"")
        await self.send(response, h11.Data(data=body if self._wants_body else b""), h11.EndOfMessage())

    def next_cycle(self) -> None:
        """Begin with the next request of the connection."""
        self.protocol.start_next_cycle()
        self._wants_body = True

    async def close(self) -> None:
        """Close, after giving a peer that may still be sending time to read what we said."""
        with suppress(OSError):
            if not self.ended and self.protocol.their_state is not h11.DONE:
                self.wire.transport.write_eof()
                async with asyncio.timeout(LINGER):
                    while await self.wire.read():
                        continue
        self.wire.close()

    def abort(self) -> None:
        """Drop the connection at once, so that the peer cannot take a half answer for a whole one."""
        self.wire.abort()

    def _next(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        event = self.protocol.next_event()
        if isinstance(event, h11.Request):
            self._wants_body = event.method != b"HEAD"
        return event

    def _request_is_read(self) -> bool:
        """Whether nothing is left of the request; the end of one without a body may only wait to be noticed."""
        with suppress(h11.RemoteProtocolError):
            if self.protocol.their_state is h11.SEND_BODY:
                self.protocol.next_event()
        return self.protocol.their_state not in (h11.SEND_BODY, h11.ERROR)


class Conversations:
    """The connections that one listener accepted; whatever goes wrong in one of them ends only that one."""

    def __init__(self, serve_one: Callable[[Peer], Awaitable[bool]]) -> None:
        """`serve_one` serves the next request of a client and returns False after the last."""
        self._serve_one = serve_one
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, listener: socket.socket) -> asyncio.Server:
        """Begin to accept connections."""
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: Wire(self._begin), sock=listener, backlog=BACKLOG)

    def drop(self) -> None:
        """End all connections at once."""
        for task in self._tasks:
            task.cancel()

    def _begin(self, wire: Wire) -> None:
        task = asyncio.create_task(self._serve(Peer(h11.SERVER, wire)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: Peer) -> None:
        """Serve one connection until it is over."""
        try:
            while await self._serve_one(client) and client.may_go_on:
                client.next_cycle()
            await client.close()
        except (OSError, asyncio.CancelledError):
            client.abort()
        except Exception:
            traceback.print_exc()
            client.abort()


def is_local(host: str) -> bool:
    """Whether a Host header names this machine, with or without a port; other names were made to resolve to it.

    Raises ValueError for what names no host.
    """
    return urlsplit(f"//{host}").hostname in LOCAL_HOSTS
