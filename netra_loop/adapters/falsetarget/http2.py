"""HTTP/2 without TLS, gRPC before all: every stream gets status 503 and the trailer of gRPC that says UNAVAILABLE.

As much of RFC 9113 as that takes: frames are read for their kind, header blocks are not decoded.
"""

from __future__ import annotations

import struct

from netra_loop.adapters.falsetarget.wire import Wire

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0x0, 0x1, 0x3, 0x4, 0x6, 0x7, 0x8
_ACK = _END_STREAM = 0x1
_END_HEADERS = 0x4
_LARGEST = 16384  # bytes of one frame, what a client may send that was told no other number


def _literal(name: bytes, value: bytes) -> bytes:
    """A header field without compression (RFC 7541, 6.2.2)."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


_ANSWER = b"".join(
    (
        _literal(b":status", b"503"),
        _literal(b"content-type", b"application/grpc"),
        _literal(b"grpc-status", b"14"),
        _literal(b"grpc-message", b"sabotaged"),
    )
)


async def answer_http2(wire: Wire) -> None:
    """Answer streams until the client ends or says something that is no frame."""
    if await wire.exactly(len(PREFACE)) != PREFACE:
        return
    await wire.send(_frame(_SETTINGS))
    newest = 0
    while head := await wire.exactly(9):
        length, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
        stream = int.from_bytes(head[5:]) & 0x7FFFFFFF
        payload = await wire.exactly(length) if length <= _LARGEST else b""
        if len(payload) < length or kind == _GOAWAY:
            return
        if kind == _HEADERS and stream > newest:
            newest = stream
            await wire.send(_answer(stream, still_sending=not flags & _END_STREAM))
        elif kind == _DATA and length:
            await wire.send(_frame(_WINDOW_UPDATE, payload=struct.pack(">I", length)))
        elif kind in (_SETTINGS, _PING) and not flags & _ACK:
            await wire.send(_frame(kind, _ACK, payload=payload if kind == _PING else b""))


def _answer(stream: int, *, still_sending: bool) -> bytes:
    """The whole answer; who is still sending is told to stop, which is no error (RFC 9113, 8.1)."""
    answer = _frame(_HEADERS, _END_STREAM | _END_HEADERS, stream, _ANSWER)
    return answer + _frame(_RESET, 0, stream, struct.pack(">I", 0)) if still_sending else answer


def _frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload
