"""Both false targets for as long as they are needed: on loopback, at ports of their own."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import h11
from anyio.abc import SocketStream
from websockets.exceptions import WebSocketException

from netra_loop.adapters.falsetarget.http1 import answer_http1
from netra_loop.adapters.falsetarget.http2 import answer_http2
from netra_loop.adapters.falsetarget.nonsense import NONSENSE
from netra_loop.adapters.falsetarget.redis import answer_redis
from netra_loop.adapters.falsetarget.wire import Wire

_HOST = "127.0.0.1"
_TELLING = 4  # bytes that tell the protocols apart
_HTTP1 = re.compile(rb"[A-Z]+ ?")
_BROKEN = (
    OSError,
    TimeoutError,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    h11.ProtocolError,
    WebSocketException,
)


@dataclass(frozen=True, slots=True)
class FalseTargets:
    """Where they are, as `host:port`: `dead` refuses every connection, `sabotaged` answers nonsense."""

    dead: str
    sabotaged: str


@asynccontextmanager
async def false_targets() -> AsyncIterator[FalseTargets]:
    """Both targets until the block ends; connections that are still open then are closed."""
    listener = await anyio.create_tcp_listener(local_host=_HOST, local_port=0)
    with socket.socket() as dead:
        dead.bind((_HOST, 0))  # nobody else can take the port, and who does not listen refuses
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, _serve, tasks)
            port = listener.extra(anyio.abc.SocketAttribute.local_port)
            yield FalseTargets(f"{_HOST}:{dead.getsockname()[1]}", f"{_HOST}:{port}")
            tasks.cancel_scope.cancel()


async def _serve(stream: SocketStream) -> None:
    """One connection to its end; a client that breaks it off, or its protocol, has ended it."""
    async with stream:
        try:
            await _answer(Wire(stream))
        except _BROKEN:
            return


async def _answer(wire: Wire) -> None:
    first = b""
    while len(first) < _TELLING and (more := await wire.receive()):
        first += more
    wire.put_back(first)
    if first.startswith(b"PRI "):
        await answer_http2(wire)
    elif first.startswith(b"*"):
        await answer_redis(wire)
    elif _HTTP1.match(first):
        await answer_http1(wire)
    elif first and not first.startswith(b"\x16"):  # a client that wants TLS is told nothing
        await wire.send(NONSENSE)
