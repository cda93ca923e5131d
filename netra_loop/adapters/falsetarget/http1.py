"""HTTP/1: every request, whatever its method and path, also one that is meant for a proxy, gets a 503 with nonsense."""

from __future__ import annotations

import h11

from netra_loop.adapters.falsetarget.nonsense import NONSENSE
from netra_loop.adapters.falsetarget.websocket import answer_websocket
from netra_loop.adapters.falsetarget.wire import CHUNK, Wire

_HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(NONSENSE)))]


async def answer_http1(wire: Wire) -> None:
    """Answer until the client ends; a request for a WebSocket is granted. Raises h11.RemoteProtocolError."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=CHUNK)
    request: h11.Request | None = None
    while connection.our_state is not h11.MUST_CLOSE:
        event = await _next_event(connection, wire)
        match event:
            case h11.Request() if _asks_for_websocket(event):
                wire.put_back(_head(event) + connection.trailing_data[0])
                return await answer_websocket(wire)
            case h11.Request():
                request = event
            case h11.EndOfMessage():
                assert request is not None
                await _answer(connection, request, wire)
            case h11.ConnectionClosed() | h11.PAUSED:
                return None
    return None


async def _next_event(connection: h11.Connection, wire: Wire) -> object:
    while (event := connection.next_event()) is h11.NEED_DATA:
        if connection.they_are_waiting_for_100_continue:
            await wire.send(connection.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
        connection.receive_data(await wire.receive())
    return event


async def _answer(connection: h11.Connection, request: h11.Request, wire: Wire) -> None:
    answer = connection.send(h11.Response(status_code=503, reason=b"Service Unavailable", headers=_HEADERS)) or b""
    if request.method != b"HEAD":
        answer += connection.send(h11.Data(NONSENSE)) or b""
    await wire.send(answer + (connection.send(h11.EndOfMessage()) or b""))
    if connection.our_state is h11.DONE and connection.their_state is h11.DONE:
        connection.start_next_cycle()


def _asks_for_websocket(request: h11.Request) -> bool:
    return any(name == b"upgrade" and value.lower() == b"websocket" for name, value in request.headers)


def _head(request: h11.Request) -> bytes:
    """The request as it came, for whoever reads it once more."""
    lines = [b" ".join((request.method, request.target, b"HTTP/1.1"))]
    lines += [name + b": " + value for name, value in request.headers.raw_items()]
    return b"\r\n".join((*lines, b"", b""))
