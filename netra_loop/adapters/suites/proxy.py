"""A forward proxy on loopback that counts what a suite exchanges with whom; no content is kept."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import anyio
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from netra_loop.adapters.suites.attempt import host_port

_HOST = "127.0.0.1"
_LONGEST_HEAD = 64 * 1024  # bytes
_PATIENCE = 30.0  # seconds for a head, and for a connection to a target
_MOST_HOSTS = 100  # of those that are named
_NAMES = ("HTTP_PROXY", "HTTPS_PROXY")
_BROKEN = (OSError, TimeoutError, anyio.BrokenResourceError, anyio.ClosedResourceError)
_OF_PROXIES = re.compile(rb"(?im)^(?:proxy-[a-z-]+|connection|keep-alive):[^\n]*\n")
_UPGRADES = re.compile(rb"(?im)^upgrade:")


@dataclass
class Passed:
    """What passed through, by `host:port`: bytes from there, bytes to there."""

    bytes_in: dict[str, int] = field(default_factory=dict)
    bytes_out: dict[str, int] = field(default_factory=dict)

    def came_from(self, targets: Iterable[str]) -> int:
        """Bytes from these targets together."""
        return sum(self.bytes_in.get(target, 0) for target in set(targets))

    def others(self, targets: Iterable[str]) -> tuple[str, ...]:
        """Whom else the suite asked, a hundred at most."""
        return tuple(peer for peer in self.bytes_out if peer not in set(targets))[:_MOST_HOSTS]


class Proxy:
    """Where it listens, and what passed."""

    def __init__(self, port: int) -> None:
        self.passed = Passed()
        self._url = f"http://{_HOST}:{port}"

    @property
    def variables(self) -> dict[str, str]:
        """What tells a client of it; upper and lower case, since some clients know only one of them."""
        return {word: self._url for name in _NAMES for word in (name, name.lower())}

    async def serve(self, client: SocketStream) -> None:
        """One connection to its end; whoever breaks it off has ended it."""
        async with client:
            with contextlib.suppress(*_BROKEN, anyio.IncompleteRead, anyio.DelimiterNotFound, ValueError):
                await self._serve(client)

    async def _serve(self, client: SocketStream) -> None:
        buffered = BufferedByteReceiveStream(client)
        with anyio.fail_after(_PATIENCE):
            head = await buffered.receive_until(b"\r\n\r\n", _LONGEST_HEAD) + b"\r\n\r\n"
        line, _, fields = head.partition(b"\r\n")
        method, url, version = line.decode("ascii").split(" ")
        peer = host_port(f"//{url}" if method == "CONNECT" else url)
        try:
            target = await _connected(peer)
        except _BROKEN:
            await client.send(_answer("502 Bad Gateway"))
            return
        async with target:
            if method == "CONNECT":
                await client.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
                first = buffered.buffer
            else:
                first = _forwarded(method, url, version, fields) + buffered.buffer
            await self._tunnel(client, target, peer, first)

    async def _tunnel(self, client: ByteStream, target: ByteStream, peer: str, first: bytes) -> None:
        """Both ways at once, until both have ended or one of them breaks."""
        await self._carry(first, target, self.passed.bytes_out, peer)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._pump, client, target, self.passed.bytes_out, peer)
            await self._pump(target, client, self.passed.bytes_in, peer)
            tasks.cancel_scope.cancel()  # a target that has ended takes nothing more

    async def _pump(self, source: ByteStream, sink: ByteStream, counted: dict[str, int], peer: str) -> None:
        with contextlib.suppress(*_BROKEN):  # both ways end together, when the target has ended
            async for chunk in source:
                await self._carry(chunk, sink, counted, peer)
            await sink.send_eof()

    async def _carry(self, chunk: bytes, sink: ByteStream, counted: dict[str, int], peer: str) -> None:
        if chunk:
            counted[peer] = counted.get(peer, 0) + len(chunk)
            await sink.send(chunk)


@asynccontextmanager
async def recording_proxy() -> AsyncIterator[Proxy]:
    """A proxy until the block ends. It leads wherever its client could have gone without it."""
    listener = await anyio.create_tcp_listener(local_host=_HOST, local_port=0)
    proxy = Proxy(listener.extra(SocketAttribute.local_port))
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, proxy.serve, tasks)
        yield proxy
        tasks.cancel_scope.cancel()


async def _connected(peer: str) -> SocketStream:
    host, _, port = peer.rpartition(":")
    with anyio.fail_after(_PATIENCE):
        return await anyio.connect_tcp(_HOST if _is_local_name(host) else host, int(port))


def _is_local_name(host: str) -> bool:
    """Names that mean this machine wherever they are asked for (RFC 6761)."""
    return host == "localhost" or host.endswith(".localhost")


def _forwarded(method: str, url: str, version: str, fields: bytes) -> bytes:
    """The head as the target is to read it (RFC 9112, 3.2): one request a connection, so that every byte has a peer."""
    parts = urlsplit(url)
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    kept = fields if _UPGRADES.search(fields) else _OF_PROXIES.sub(b"", fields)[:-2] + b"Connection: close\r\n\r\n"
    return f"{method} {path} {version}\r\n".encode("ascii") + kept


def _answer(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode("ascii")
