"""Adds what the kernel saw to the book of the test that caused it, and names what may be anybody's.

The kernel sees the sockets of C libraries and of child processes, but names no process. The connections that Python's
counters count stay theirs: they know which bytes were read, and when.
"""

from __future__ import annotations

import ipaddress
import os
import threading
import time

from netra_loop_sockets import (
    Connection,
    DestroyedSockets,
    Ledger,
    Targets,
    live_connections,
    own_connections,
    socket_inodes_of_family,
)

from .attempt import blind_libraries
from .sockets import Book

_SWITCH = "NETRA_LOOP_EVIDENCE_KERNEL"
_TOO_NEAR_US = 200  # no host beyond this machine and its neighbours answers within that
_TICK_MS = 10  # how coarse the kernel's times are
_FREE_GLANCES = 8
_GLANCE_PAUSE_MS = 20


def instruments() -> list[str]:
    """What counts in this process: Python's sockets always, the kernel where it tells."""
    destroyed = _destroyed_sockets()
    if destroyed is None:
        return ["python"]
    destroyed.close()
    return ["python", "kernel"]


class KernelWatch:
    """Reads the kernel wherever another book is opened, and so gives each book what happened in its time.

    Bytes count if a socket of this process carried them, or if the suite has the network alone and the socket may be
    one of its children or C libraries; and only if something was sent on the connection in the time of the same book.
    All others are unattributed. It never raises: what could not be read makes the book doubtful.
    """

    def __init__(self, targets: Targets, counted: set[int], *, alone: bool) -> None:
        """counted: the cookies of connections whose bytes Python's counters count."""
        self._targets = targets
        self._counted = counted
        self._alone = alone
        self._destroyed = _destroyed_sockets()
        self._process = os.getpid()
        self._reading = threading.RLock()
        self._ledger = Ledger()
        self._own: set[int] = set()
        self._had_children = False
        self._looks_everywhere = False
        self._has_strangers = False
        self._is_behind = False
        self._read_ms = 0.0
        self._glances = 0

    @property
    def is_on(self) -> bool:
        """Whether the kernel tells this process; a child forked by a test must not read in its stead."""
        return self._destroyed is not None and os.getpid() == self._process

    def begin(self) -> None:
        """Begin an attempt: what happened before is nobody's, and whoever is connected now is known."""
        self._glances = 0
        self._take_stock()

    def look(self, book: Book | None) -> None:
        """Write what happened since the last look into this book; it belongs to nobody if there is none."""
        self._read(book)

    def glance(self, book: Book) -> None:
        """Look while a test runs, as often as it asserts, but not so often that the test becomes slow."""
        self._glances += 1
        if not self.is_on:
            return
        if self._glances <= _FREE_GLANCES or _now_ms() - self._read_ms > _GLANCE_PAUSE_MS:
            self.look(book)

    def expect_children(self, book: Book | None) -> None:
        """Take sockets for those of children from now on, except for those that are open already."""
        if not self._had_children:
            self.look(book)
            self._had_children = True
            self._take_stock()

    def _take_stock(self) -> None:
        self._looks_everywhere = self._had_children or bool(blind_libraries())
        live = self._read(None)
        foreign = {each.inode for each in live if each.inode and each.cookie not in self._own and self._target(each)}
        self._has_strangers = self._alone and bool(foreign) and not foreign <= socket_inodes_of_family()

    def _read(self, book: Book | None) -> list[Connection]:
        """The open connections, once everything that happened on them and on those that ended is written down."""
        destroyed = self._destroyed
        if destroyed is None or not self.is_on:
            return []
        with self._reading:
            live, freed, complete = self._facts(destroyed)
            before, self._read_ms = self._read_ms, _now_ms()
            if book is not None and (self._is_behind or self._has_strangers or not complete):
                book.doubtful = True
            for each in live:
                self._enter(book, each, *self._ledger.more(each))
            for each in freed:
                self._enter(book if self._is_news(each, before) else None, each, *self._ledger.rest(each))
                self._own.discard(each.cookie)
                self._counted.discard(each.cookie)
            self._is_behind = not complete
        return live

    def _facts(self, destroyed: DestroyedSockets) -> tuple[list[Connection], list[Connection], bool]:
        """Who is connected, whose connection ended, and whether that is all."""
        try:
            live = own_connections()
            self._own.update(each.cookie for each in live if self._target(each))
            live += live_connections() if self._looks_everywhere else []
            return (live, *destroyed.told())
        except OSError:
            return [], [], False

    def _is_news(self, freed: Connection, since: float) -> bool:
        """Whether a freed connection can have carried anything since then: the kernel sometimes tells late."""
        return freed in self._ledger or self._read_ms - freed.idle_ms >= since - _TICK_MS

    def _enter(self, book: Book | None, connection: Connection, bytes_in: int, bytes_out: int) -> None:
        target = self._target(connection)
        if book is None or target is None or not (bytes_in or bytes_out):
            return
        if bytes_out:
            book.asked.add(connection.cookie)
        if connection.cookie in self._counted:
            book.doubtful |= book.bytes_in == 0  # answered, but not to whom Python counts for
        elif self._is_ours(connection) and connection.cookie in book.asked:
            book.bytes_in += bytes_in
            book.bytes_out += bytes_out
            book.kernel_bytes_in += bytes_in
        else:
            book.unattributed += bytes_in
            return
        if is_too_near(connection):
            book.too_near.add(target)

    def _is_ours(self, connection: Connection) -> bool:
        if connection.cookie in self._own:
            return True
        return self._alone and self._looks_everywhere and not self._has_strangers and not self._is_behind

    def _target(self, connection: Connection) -> str | None:
        peer = self._targets.peer(connection.peer)
        return peer.target if peer is not None else None


def is_too_near(connection: Connection) -> bool:
    """Whether a public address answered faster than a public host can: something on the way answered for it."""
    rtt = connection.min_rtt_us
    return rtt is not None and rtt < _TOO_NEAR_US and ipaddress.ip_address(connection.peer[0]).is_global


def _destroyed_sockets() -> DestroyedSockets | None:
    if os.environ.get(_SWITCH) == "off":
        return None
    try:
        return DestroyedSockets()
    except OSError:
        return None


def _now_ms() -> float:
    """Libraries that freeze time for tests leave this clock alone."""
    return time.clock_gettime(time.CLOCK_MONOTONIC) * 1000
