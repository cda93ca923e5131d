"""Asks the kernel by netlink (``NETLINK_SOCK_DIAG``): which TCP sockets live, and which have just been freed."""

from __future__ import annotations

import _socket
import errno
import os
import select
import struct
import sys
from collections.abc import Iterator

from .connection import INFO_SIZE, Connection, described
from .targets import Endpoint, plain

SO_COOKIE = 57

_NETLINK_SOCK_DIAG = 4
_GROUPS = 0b101  # freed TCP sockets of IPv4 and of IPv6
_BUFFER = 4 * 1024 * 1024  # bytes: room for some thousand sockets nobody has read about yet
_PATIENCE_MS = 100
_READ_SIZE = 65536

_HEADER = struct.Struct("=IHHII")
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_DUMP = 0x301
_REQUEST = struct.Struct("=BBBBI48x")
_WANTED = 1 << 1  # INET_DIAG_INFO, as a bit
_INFO = 2
_UNCONNECTED = (1 << 3) | (1 << 6) | (1 << 10) | (1 << 12)  # SYN_RECV, TIME_WAIT, LISTEN, NEW_SYN_RECV: no facts
_STATES = 0xFFF & ~_UNCONNECTED

_MESSAGE = struct.Struct("=B3x4s16s16s4xQ16xI")
_PORTS = struct.Struct("!HH")
_ATTRIBUTE = struct.Struct("=HH")


class DestroyedSockets:
    """Tells of every TCP socket freed in this network namespace, whichever process and library had it.

    Raises OSError where the kernel does not tell, which it finds out by freeing a socket of its own. It uses the
    socket class below Python's own, so that nobody's patches and counters see it.
    """

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
        self._socket = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
        self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVBUF, _BUFFER)
        self._socket.bind((0, _GROUPS))
        self._socket.setblocking(False)
        self._identity = self._seen_identity()
        self._readable = select.poll()
        self._readable.register(self._socket.fileno(), select.POLLIN)
        if not self.told()[1]:
            raise OSError(errno.ENOTSUP, "the kernel does not tell of freed sockets")

    def told(self) -> tuple[list[Connection], bool]:
        """Every socket freed since the last call, and whether none can be missing.

        The kernel tells a little later, in order: a socket freed here is waited for, 100 ms at most, and what was
        freed before it has been told of by then. Raises OSError when somebody closed our descriptor.
        """
        if self._seen_identity() != self._identity:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        last = _free_a_socket()
        found: list[Connection] = []
        complete = True
        while True:
            try:
                freed = list(_connections(self._socket.recv(_READ_SIZE), freed=True))
            except BlockingIOError:
                if not self._readable.poll(_PATIENCE_MS):
                    return found, False
                continue
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                complete = False  # the buffer ran over
                continue
            if any(connection.cookie == last for connection in freed):
                return found, complete
            found += freed

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()

    def _seen_identity(self) -> tuple[int, int]:
        status = os.fstat(self._socket.fileno())
        return status.st_dev, status.st_ino


def live_connections() -> list[Connection]:
    """Every open TCP connection of this network namespace; it costs milliseconds. Raises OSError."""
    asking = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
    try:
        return [found for family in (_socket.AF_INET, _socket.AF_INET6) for found in _dump(asking, family)]
    finally:
        asking.close()


def _dump(asking: _socket.socket, family: int) -> Iterator[Connection]:
    request = _REQUEST.pack(family, _socket.IPPROTO_TCP, _WANTED, 0, _STATES)
    asking.send(_HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0) + request)
    while True:
        data = asking.recv(_READ_SIZE)
        yield from _connections(data, freed=False)
        kinds = {kind for kind, _ in _messages(data)}
        if _NLMSG_ERROR in kinds:
            raise OSError(errno.EPROTO, "the kernel does not tell of open sockets")
        if _NLMSG_DONE in kinds:
            return


def _free_a_socket() -> int:
    """The cookie of a socket that has just been freed."""
    own = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    try:
        return int.from_bytes(own.getsockopt(_socket.SOL_SOCKET, SO_COOKIE, 8), sys.byteorder)
    finally:
        own.close()


def _connections(data: bytes, *, freed: bool) -> Iterator[Connection]:
    for kind, body in _messages(data):
        info = _info(body) if kind == _SOCK_DIAG_BY_FAMILY else b""
        if len(info) >= INFO_SIZE:
            family, ports, source, destination, cookie, inode = _MESSAGE.unpack_from(body)
            local_port, peer_port = _PORTS.unpack(ports)
            local, peer = _endpoint(family, source, local_port), _endpoint(family, destination, peer_port)
            yield described(cookie, local, peer, info, freed=freed, inode=inode)


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    start = 0
    while start + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, start)
        yield kind, data[start + _HEADER.size : start + length]
        start += max(_aligned(length), _HEADER.size)


def _info(body: bytes) -> bytes:
    """The ``struct tcp_info`` among the attributes of a message."""
    start = _MESSAGE.size
    while start + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, start)
        if kind == _INFO:
            return body[start + _ATTRIBUTE.size : start + length]
        start += max(_aligned(length), _ATTRIBUTE.size)
    return b""


def _aligned(length: int) -> int:
    return (length + 3) & ~3


def _endpoint(family: int, address: bytes, port: int) -> Endpoint:
    return plain(_socket.inet_ntop(family, address[: 4 if family == _socket.AF_INET else 16])), port
