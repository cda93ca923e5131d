"""The bytes of one connection: read when some have arrived, written no faster than the other end reads."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

BACKLOG = 1024
BLOCK = 64 * 1024
RESET_FOLLOWS = 0.5  # seconds; servers shut a connection down and close it in the next line
TCP_CLOSE = 7  # the kernel's name for a connection that was reset


class Wire(asyncio.Protocol):
    """One end of a connection. `ended` is true once the other end has closed its side, by whatever means.

    asyncio's streams would do, but they can tell that the other end is gone only to a task that reads.
    """

    def __init__(self, on_open: Callable[["Wire"], None] | None = None) -> None:
        self.ended = False
        self.transport: asyncio.Transport
        self._on_open = on_open
        self._on_end: Callable[[], None] | None = None
        self._unread = bytearray()
        self._full = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._congested = False
        self._reset = False

    @property
    def remote(self) -> str:
        """The address of the other end."""
        return str(self.transport.get_extra_info("peername")[0])

    @property
    def is_silent(self) -> bool:
        """Whether it is open and nothing waits to be read."""
        return not (self.ended or self._unread)

    async def was_refused(self) -> bool:
        """Whether the other end closed without having read what we sent: the kernel tells by a reset.

        An end that closes its two sides one after the other is heard of twice, first without the reset: that is
        waited for, at most RESET_FOLLOWS.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + RESET_FOLLOWS
        while not self._reset and self._error is None and loop.time() < until:
            await asyncio.sleep(RESET_FOLLOWS / 100)
            self._reset = _is_reset(self.transport)
        return self._reset

    async def read(self) -> bytes:
        """What has arrived, at least a byte; empty once the other end has closed its side. Raises OSError."""
        if not self._unread and not self.ended:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        if not self._unread and self._error is not None:
            raise self._error
        data = bytes(self._unread)
        self._unread.clear()
        if self._full:
            self._full = False
            self.transport.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        """Send bytes, and wait while the other end is behind with reading. Raises OSError."""
        self.write_soon(data)
        if self._congested:
            self._writer = asyncio.get_running_loop().create_future()
            try:
                await self._writer
            finally:
                self._writer = None
        if self._error is not None:
            raise self._error

    def write_soon(self, data: bytes) -> None:
        """Send bytes without waiting; it is silent about a connection that is gone."""
        self.transport.write(data)

    def acknowledge_soon(self) -> None:
        """Have the kernel acknowledge what arrives next as soon as it is read.

        Many servers write head and body apart, and their kernel holds the second back until the first is acknowledged,
        which ours would do 40 ms later. It forgets this with the next bytes that are sent.
        """
        connection = self.transport.get_extra_info("socket")
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def when_ended(self, call: Callable[[], None] | None) -> None:
        """Have something called once the other end closes its side, at once if it has; None takes that back."""
        self._on_end = call
        if call is not None and self.ended:
            call()

    def close(self) -> None:
        """Close once everything is sent."""
        self.transport.close()

    def abort(self) -> None:
        """Drop the connection at once."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if self._on_open is not None:
            self._on_open(self)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        if len(self._unread) >= BLOCK and not self._full:
            self._full = True
            self.transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> bool:
        """Only their side is closed: they may still read what we have to say."""
        self._end()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self._error = error or ConnectionResetError("the connection was closed")
        self._reset = self._reset or isinstance(error, ConnectionError)
        self._congested = False
        _wake(self._writer)
        self._end()

    def pause_writing(self) -> None:
        self._congested = True

    def resume_writing(self) -> None:
        self._congested = False
        _wake(self._writer)

    def _end(self) -> None:
        if self.ended:
            return
        self.ended = True
        self._reset = self._reset or _is_reset(self.transport)
        _wake(self._reader)
        if self._on_end is not None:
            self._on_end()


def listen(port: int = 0) -> socket.socket:
    """A socket that listens on 127.0.0.1; its protocol is named so that asyncio turns Nagle's delay off."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


async def connect(port: int) -> Wire | None:
    """A connection to a local port, None when nobody listens there."""
    try:
        _, wire = await asyncio.get_running_loop().create_connection(Wire, "127.0.0.1", port)
    except OSError:
        return None
    return wire


def _is_reset(transport: asyncio.Transport) -> bool:
    connection = transport.get_extra_info("socket")
    return bool(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_CLOSE)


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
