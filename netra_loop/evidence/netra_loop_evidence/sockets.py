"""Counts the bytes Python's sockets carry, by whether their peer is a target, into the book open at that moment."""

from __future__ import annotations

import _socket
import errno
import functools
import socket
import ssl
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from netra_loop_sockets import SO_COOKIE, Peer, Targets

from .identity import TlsIdentity
from .wrapping import note_after

_PENDING = (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY)

# What each receiving method returns: how many bytes, and the sender where the method names one.
_RECEIVED: dict[str, Callable[[Any], tuple[int, object]]] = {
    "recv": lambda result: (len(result), None),
    "recv_into": lambda result: (result, None),
    "recvfrom": lambda result: (len(result[0]), result[1]),
    "recvfrom_into": lambda result: (result[0], result[1]),
    "recvmsg": lambda result: (len(result[0]), result[3]),
    "recvmsg_into": lambda result: (result[0], result[3]),
}


class Book:
    """What crossed the network during one stretch of a test.

    kernel_bytes_in: those of ``bytes_in`` that only the kernel saw. unattributed: bytes from targets in its time that
    may be another's. asked: cookies of the connections something was sent on. doubtful: something may be missing.
    """

    __slots__ = (
        "asked", "bytes_in", "bytes_out", "doubtful", "kernel_bytes_in", "others", "refused", "too_near",
        "unattributed", "unverified",
    )  # fmt: skip

    def __init__(self) -> None:
        self.bytes_in = 0
        self.bytes_out = 0
        self.others: set[str] = set()
        self.refused: set[str] = set()
        self.kernel_bytes_in = 0
        self.unattributed = 0
        self.asked: set[int] = set()
        self.too_near: set[str] = set()
        self.doubtful = False
        self.unverified: set[str] = set()

    def add(self, other: Book) -> None:
        """Enter what another book says of targets."""
        self.bytes_in += other.bytes_in
        self.bytes_out += other.bytes_out
        self.kernel_bytes_in += other.kernel_bytes_in
        self.unattributed += other.unattributed
        self.too_near |= other.too_near
        self.unverified |= other.unverified
        self.doubtful |= other.doubtful


class SocketCounters:
    """Counts for the process's sockets into ``book``; while it is None, bytes belong to nobody.

    Threads of the suite use sockets at any time: every method reads ``book`` once and works on what it read.

    A peer is looked up at the byte, not at the connect, so that connections kept alive since an earlier test count for
    the test that uses them. Connections this process accepted are never counted: what arrives on them is a request.
    """

    def __init__(self, targets: Targets) -> None:
        self.book: Book | None = None
        self.counted: set[int] = set()
        """The kernel's cookies of the connections that are counted here, or not to be counted at all."""
        self._targets = targets
        self._identity = TlsIdentity(targets.resolved)
        self._peers: dict[int, tuple[weakref.ref[socket.socket], Peer | None]] = {}

    def install(self) -> None:
        """Wrap the socket classes, for the life of the process."""
        for name, measure in _RECEIVED.items():
            if hasattr(socket.socket, name):
                note_after(socket.socket, name, functools.partial(self._note_received, measure))
        for name in ("send", "sendall", "sendto", "sendmsg"):
            if hasattr(socket.socket, name):
                note_after(socket.socket, name, self._note_sent)
        note_after(socket, "getaddrinfo", self._note_addresses)
        note_after(socket.socket, "accept", self._note_accepted)
        note_after(socket.socket, "connect_ex", self._note_connect_code)
        note_after(socket.socket, "getsockopt", self._note_socket_error)
        self._wrap_connect()
        self._wrap_tls()

    def is_target(self, host: str, port: int) -> bool:
        """Whether a target was declared by this name, or has this address."""
        peer = self._targets.peer((host, port))
        return peer is not None and peer.target is not None

    def have_heard(self) -> bool:
        """Whether a target has answered in the time of this book."""
        return self.book is not None and self.book.bytes_in > 0

    @contextmanager
    def writing(self, book: Book) -> Iterator[None]:
        """Count into this book until the block ends, then into the one before it."""
        before, self.book = self.book, book
        try:
            yield
        finally:
            self.book = before

    def _wrap_connect(self) -> None:
        connect = socket.socket.connect

        @functools.wraps(connect)
        def noted(sock: socket.socket, address: Any) -> None:
            __tracebackhide__ = True
            self._peers.pop(id(sock), None)
            try:
                connect(sock, address)
            except BlockingIOError:
                self._remember(sock, self._targets.peer(address))
                raise
            except OSError:
                self._refused(self._targets.peer(address))
                raise

        setattr(socket.socket, connect.__name__, noted)

    def _wrap_tls(self) -> None:
        """An encrypted socket reads and writes below Python's sockets; before its handshake it is a plain one."""
        self._wrap_handshake()
        note_after(ssl.SSLSocket, "read", self._note_tls_read)
        note_after(ssl.SSLObject, "read", self._note_identity)
        note_after(ssl.SSLSocket, "write", self._note_sent)
        note_after(ssl.SSLSocket, "send", self._note_tls_send)

    def _wrap_handshake(self) -> None:
        handshake = ssl.SSLSocket.do_handshake

        @functools.wraps(handshake)
        def noted(sock: ssl.SSLSocket, *args: Any, **kwargs: Any) -> None:
            __tracebackhide__ = True
            self._claim(sock, self._peer_of(sock))
            handshake(sock, *args, **kwargs)

        setattr(ssl.SSLSocket, handshake.__name__, noted)

    def _note_addresses(self, found: list[Any], host: object = None, *_: Any) -> None:
        if isinstance(host, (bytes, bytearray)):
            host = host.decode("ascii", "replace")
        if isinstance(host, str):
            self._targets.learn(host, {str(address[0]) for *_, address in found})

    def _note_received(
        self, measure: Callable[[Any], tuple[int, object]], result: Any, sock: socket.socket, *_: Any
    ) -> None:
        if self.book is not None:
            count, sender = measure(result)
            self._received(count, self._targets.peer(sender) or self._peer_of(sock), sock)

    def _note_tls_read(self, result: Any, sock: ssl.SSLSocket, *_: Any) -> None:
        peer = self._peer_of(sock)
        self._received(result if isinstance(result, int) else len(result), peer, sock)
        book = self.book
        if book is not None and peer is not None and peer.target is not None:
            book.unverified.update(self._identity.of_socket(sock, peer.target))

    def _note_identity(self, _: Any, encrypted: ssl.SSLObject, *__: Any) -> None:
        """Encryption without a socket, of asyncio and its like: its bytes are counted where they leave it."""
        book = self.book
        if book is not None:
            book.unverified.update(self._identity.of_object(encrypted))

    def _received(self, count: int, peer: Peer | None, sock: socket.socket) -> None:
        book = self.book
        if book is None or peer is None or not count:
            return
        if peer.target is None:
            book.others.add(peer.label)
        else:
            book.bytes_in += count
            self._claim(sock, peer)

    def _note_tls_send(self, result: Any, sock: ssl.SSLSocket, *args: Any) -> None:
        if getattr(sock, "_sslobj", None) is not None:
            self._note_sent(result, sock, *args)

    def _note_sent(self, result: Any, sock: socket.socket, data: Any, *rest: Any) -> None:
        book = self.book
        if book is None:
            return
        receiver = self._targets.peer(rest[-1]) if rest else None
        peer = receiver or self._peer_of(sock)
        if peer is not None and peer.target is not None:
            book.bytes_out += memoryview(data).nbytes if result is None else result
            self._claim(sock, peer)

    def _note_accepted(self, result: Any, *_: Any) -> None:
        self._remember(result[0], None)
        self._keep_from_kernel(result[0])

    def _note_connect_code(self, code: int, sock: socket.socket, address: Any) -> None:
        self._peers.pop(id(sock), None)
        if code in _PENDING:
            self._remember(sock, self._targets.peer(address))
        elif code not in (0, errno.EISCONN):
            self._refused(self._targets.peer(address))

    def _note_socket_error(self, error: Any, sock: socket.socket, level: int, option: int, *_: Any) -> None:
        """Where a connect that did not wait, asyncio's among them, learns that it failed."""
        if option == socket.SO_ERROR and level == socket.SOL_SOCKET and error:
            self._refused(self._peer_of(sock))

    def _refused(self, peer: Peer | None) -> None:
        book = self.book
        if book is not None and peer is not None and peer.target is not None:
            book.refused.add(peer.target)

    def _peer_of(self, sock: socket.socket) -> Peer | None:
        known = self._peers.get(id(sock))
        if known is not None and known[0]() is sock:
            return known[1]
        return self._look_up(sock)

    def _claim(self, sock: socket.socket, peer: Peer | None) -> None:
        """Count for this connection from now on, in place of the kernel."""
        if peer is not None and peer.target is not None and not peer.claimed:
            peer.claimed = True
            self._keep_from_kernel(sock)

    def _keep_from_kernel(self, sock: socket.socket) -> None:
        with suppress(OSError):
            cookie = _socket.socket.getsockopt(sock, socket.SOL_SOCKET, SO_COOKIE, 8)
            self.counted.add(int.from_bytes(cookie, sys.byteorder))

    def _look_up(self, sock: socket.socket) -> Peer | None:
        try:
            address = _socket.socket.getpeername(sock)
        except OSError:
            return None
        peer = None if getattr(sock, "server_side", False) else self._targets.peer(address)
        self._remember(sock, peer)
        return peer

    def _remember(self, sock: socket.socket, peer: Peer | None) -> None:
        key = id(sock)
        self._peers[key] = weakref.ref(sock, lambda _: self._peers.pop(key, None)), peer
