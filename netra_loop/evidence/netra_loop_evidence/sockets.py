"""Counts the bytes Python's sockets carry, by whether their peer is a target, into the book open at that moment."""

from __future__ import annotations

import _socket
import errno
import functools
import ipaddress
import socket
import ssl
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from .identity import TlsIdentity
from .wrapping import note_after

Endpoint = tuple[str, int]

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


class Peer:
    """The other end of a connection: ``ip:port``, and the declared target it is, if it is one."""

    __slots__ = ("label", "target")

    def __init__(self, label: str, target: str | None) -> None:
        self.label = label
        self.target = target


class Book:
    """What crossed the network during one stretch of a test."""

    __slots__ = ("bytes_in", "bytes_out", "others", "refused", "unverified")

    def __init__(self) -> None:
        self.bytes_in = 0
        self.bytes_out = 0
        self.others: set[str] = set()
        self.refused: set[str] = set()
        self.unverified: set[str] = set()

    def add(self, other: Book) -> None:
        """Enter what another book says of targets."""
        self.bytes_in += other.bytes_in
        self.bytes_out += other.bytes_out
        self.unverified |= other.unverified


class Targets:
    """The declared targets and the addresses their names have at the start.

    On loopback a target is address and port, since everything on this machine shares the address; elsewhere it is the
    address. A name that does not resolve has no addresses, and nothing counts for it.
    """

    def __init__(self, declared: Iterable[str]) -> None:
        endpoints = {name: _resolve(name) for name in declared}
        self.resolved = {name: [_label(*endpoint) for endpoint in found] for name, found in endpoints.items()}
        self._by_endpoint = {endpoint: name for name, found in endpoints.items() for endpoint in found}
        self._by_endpoint.update({_split(name): name for name in endpoints})
        self._by_address = {
            ip: name for name, found in endpoints.items() for ip, _ in found if not ipaddress.ip_address(ip).is_loopback
        }

    def peer(self, address: object) -> Peer | None:
        """Who has this socket address; None for whatever is not a host and a port."""
        if not isinstance(address, tuple) or len(address) < 2 or not isinstance(address[0], str):
            return None
        ip, port = _plain(address[0]), address[1]
        return Peer(_label(ip, port), self._by_endpoint.get((ip, port)) or self._by_address.get(ip))


class SocketCounters:
    """Counts for the process's sockets into ``book``; while it is None, bytes belong to nobody.

    Threads of the suite use sockets at any time: every method reads ``book`` once and works on what it read.

    A peer is looked up at the byte, not at the connect, so that connections kept alive since an earlier test count for
    the test that uses them. Connections this process accepted are never counted: what arrives on them is a request.
    """

    def __init__(self, targets: Targets) -> None:
        self.book: Book | None = None
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
        note_after(socket.socket, "accept", self._note_accepted)
        note_after(socket.socket, "connect_ex", self._note_connect_code)
        note_after(socket.socket, "getsockopt", self._note_socket_error)
        self._wrap_connect()
        self._wrap_tls()

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
        note_after(ssl.SSLSocket, "read", self._note_tls_read)
        note_after(ssl.SSLObject, "read", self._note_identity)
        note_after(ssl.SSLSocket, "write", self._note_sent)
        note_after(ssl.SSLSocket, "send", self._note_tls_send)

    def _note_received(
        self, measure: Callable[[Any], tuple[int, object]], result: Any, sock: socket.socket, *_: Any
    ) -> None:
        if self.book is not None:
            count, sender = measure(result)
            self._received(count, self._targets.peer(sender) or self._peer_of(sock))

    def _note_tls_read(self, result: Any, sock: ssl.SSLSocket, *_: Any) -> None:
        peer = self._peer_of(sock)
        self._received(result if isinstance(result, int) else len(result), peer)
        book = self.book
        if book is not None and peer is not None and peer.target is not None:
            book.unverified.update(self._identity.of_socket(sock, peer.target))

    def _note_identity(self, _: Any, encrypted: ssl.SSLObject, *__: Any) -> None:
        """Encryption without a socket, of asyncio and its like: its bytes are counted where they leave it."""
        book = self.book
        if book is not None:
            book.unverified.update(self._identity.of_object(encrypted))

    def _received(self, count: int, peer: Peer | None) -> None:
        book = self.book
        if book is None or peer is None or not count:
            return
        if peer.target is None:
            book.others.add(peer.label)
        else:
            book.bytes_in += count

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

    def _note_accepted(self, result: Any, *_: Any) -> None:
        self._remember(result[0], None)

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


def _resolve(name: str) -> list[Endpoint]:
    host, port = _split(name)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return sorted({(_plain(str(address[0])), port) for *_, address in found})


def _split(name: str) -> Endpoint:
    host, _, port = name.rpartition(":")
    return host.strip("[]"), int(port)


def _plain(ip: str) -> str:
    """The address without its zone, and an IPv4 address that came in IPv6's clothes as itself."""
    ip = ip.partition("%")[0]
    return ip[len("::ffff:") :] if ip.startswith("::ffff:") and "." in ip else ip


def _label(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
