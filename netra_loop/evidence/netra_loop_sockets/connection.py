"""One TCP socket as the kernel describes it, read from the layouts of ``linux/tcp.h``."""

from __future__ import annotations

import struct
from typing import NamedTuple

from .targets import Endpoint

INFO_SIZE = 208
"""Bytes of ``struct tcp_info`` up to ``tcpi_bytes_sent`` (Linux 4.19)."""

_LAST_DATA_RECV = struct.Struct("=52xI")
_BYTES_RECEIVED = struct.Struct("=128xQ")
_MIN_RTT = struct.Struct("=148xI")
_BYTES_SENT = struct.Struct("=200xQ")

_UNMEASURED = 0xFFFFFFFF
_CLOSE_WAIT, _LAST_ACK, _CLOSING = 8, 9, 11
_PEER_HAS_CLOSED = (_CLOSE_WAIT, _LAST_ACK, _CLOSING)


class Connection(NamedTuple):
    """A socket and its peer; a connection inside this machine has two of them, one at each end.

    cookie: names the socket for as long as the machine runs. bytes_in, bytes_out: since it was opened; encryption and
    what was sent again are counted. idle_ms: since the last byte came in. min_rtt_us: None before any round trip.
    inode: of the descriptor; 0 once it is closed, or where it is not asked for.
    """

    cookie: int
    local: Endpoint
    peer: Endpoint
    bytes_in: int
    bytes_out: int
    idle_ms: int
    min_rtt_us: int | None
    inode: int = 0


def described(
    cookie: int, local: Endpoint, peer: Endpoint, info: bytes, *, freed: bool = False, inode: int = 0
) -> Connection:
    """The connection of a ``struct tcp_info``; the kernel counts a peer's FIN as a byte, which is taken off.

    A freed socket no longer tells whether there was a FIN: one that ended by a reset loses a byte.
    """
    received: int = _BYTES_RECEIVED.unpack_from(info)[0]
    rtt: int = _MIN_RTT.unpack_from(info)[0]
    return Connection(
        cookie,
        local,
        peer,
        max(0, received - (freed or info[0] in _PEER_HAS_CLOSED)),
        _BYTES_SENT.unpack_from(info)[0],
        _LAST_DATA_RECV.unpack_from(info)[0],
        None if rtt == _UNMEASURED else rtt,
        inode,
    )
