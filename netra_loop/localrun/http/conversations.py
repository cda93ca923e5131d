"""The connections that one listener accepted."""

import asyncio
import socket
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from netra_loop.localrun.http.wire import BACKLOG, Wire

LINGER = 1.0  # seconds to go on reading so that a client can read our last words before it sees a reset


class Client(Protocol):
    """One end of an HTTP connection."""

    @property
    def wire(self) -> Wire: ...

    @property
    def goes_on(self) -> bool:
        """Whether another request may follow."""
        ...

    @property
    def is_read(self) -> bool:
        """Whether nothing is left of the request."""
        ...


C = TypeVar("C", bound=Client)


class Conversations(Generic[C]):
    """Whatever goes wrong in one of the connections ends only that one."""

    def __init__(self, serve_one: Callable[[C], Awaitable[bool]], meet: Callable[[Wire], C]) -> None:
        """`serve_one` serves the next request of a client, whom `meet` makes, and returns False after the last."""
        self._serve_one = serve_one
        self._meet = meet
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
        task = asyncio.create_task(self._serve(wire))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, wire: Wire) -> None:
        """Serve one connection until it is over."""
        client = self._meet(wire)
        try:
            while await self._serve_one(client) and client.goes_on:
                continue
            await _say_goodbye(client)
        except (OSError, asyncio.CancelledError):
            wire.abort()  # so that a half answer is not taken for a whole one
        except Exception:
            traceback.print_exc()
            wire.abort()


async def _say_goodbye(client: Client) -> None:
    """Close, after giving a client that may still be sending time to read what we said."""
    wire = client.wire
    with suppress(OSError):
        if not wire.ended and not client.is_read:
            wire.transport.write_eof()
            async with asyncio.timeout(LINGER):
                while await wire.read():
                    continue
    wire.close()
