"""WebSocket: the handshake succeeds; a message comes unasked, then one for each that is sent, all of them nonsense."""

from __future__ import annotations

from collections.abc import Sequence

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from netra_loop.adapters.falsetarget.nonsense import NONSENSE
from netra_loop.adapters.falsetarget.wire import Wire

_LARGEST = 16 * 1024 * 1024  # bytes of one message
_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)


async def answer_websocket(wire: Wire) -> None:
    """Serve one connection from its handshake on; a client that only waits is taken leave of in good order."""
    protocol = ServerProtocol(select_subprotocol=_first_offered, max_size=_LARGEST)
    while data := await wire.receive():
        protocol.receive_data(data)
        for event in protocol.events_received():
            _answer(protocol, event)
        await _flush(protocol, wire)
        if protocol.close_expected():
            return
    if protocol.handshake_exc is None:
        protocol.send_close(1000)
        await _flush(protocol, wire)


def _answer(protocol: ServerProtocol, event: object) -> None:
    if isinstance(event, Request):
        response = protocol.accept(event)
        protocol.send_response(response)
        if response.status_code == 101:
            protocol.send_text(NONSENSE)
    elif isinstance(event, Frame) and event.opcode in _DATA and event.fin:
        protocol.send_text(NONSENSE)


async def _flush(protocol: ServerProtocol, wire: Wire) -> None:
    for data in protocol.data_to_send():
        await wire.send(data)


def _first_offered(_: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return offered[0] if offered else None
