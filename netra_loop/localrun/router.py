"""The router: a loopback port for each service and each tag, which carries every request to a revision's instance."""

import asyncio
import random
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import h11

from netra_loop.localrun import trace
from netra_loop.localrun.activity import Activity
from netra_loop.localrun.catalog import Catalog
from netra_loop.localrun.doors import CONTROL_PLANE, Doors
from netra_loop.localrun.entries import Served, Source, request_entry
from netra_loop.localrun.http1 import Conversations, Peer
from netra_loop.localrun.instances import Fleet, Instance, StartFailed
from netra_loop.localrun.log_store import LogStore
from netra_loop.localrun.model import Revision, RevisionId, ServiceId
from netra_loop.localrun.relay import ClientLeft, InstanceLost, forwarded_headers, relay
from netra_loop.localrun.traffic import choose, tagged, tags

KEEP_ALIVE = 600.0  # seconds a connection may stay silent between two requests
CLIENT_CLOSED_REQUEST = 499
ANSWERS = {
    400: "Bad Request",
    404: "The requested URL was not found: no revision serves here.",
    431: "Request Header Fields Too Large",
    502: "upstream protocol error",
    503: "upstream connect error or disconnect before headers",
    504: "upstream request timeout",
}


@dataclass(frozen=True, slots=True)
class Door:
    """Where one port leads: to a service by its traffic split, or to one tag of it."""

    service: ServiceId
    tag: str

    @property
    def name(self) -> str:
        return f"{self.service.path}:{self.tag}" if self.tag else self.service.path


@dataclass(frozen=True, slots=True)
class Opened:
    """A port that is listened on, and who came through it."""

    port: int
    conversations: Conversations
    listening: asyncio.Task[None]


@dataclass(slots=True)
class Router:
    """Opens and closes doors, and serves who comes in by the routes that the catalog has at that moment."""

    catalog: Catalog
    fleet: Fleet
    logs: LogStore
    activity: Activity
    doors: Doors
    _doors: dict[Door, Opened] = field(init=False, default_factory=dict)

    def reopen(self) -> None:
        """Listen for every service and tag that there is; what other tags had is given up."""
        for service in self.catalog.services():
            self.open(service.id)
            for tag in tags(service):
                self.open(service.id, tag)
        self.doors.forget_all_but({CONTROL_PLANE} | {door.name for door in self._doors})

    def open(self, service: ServiceId, tag: str = "") -> None:
        """Listen for a service, or for one tag of it; the port stays the same until the service is deleted."""
        door = Door(service, tag)
        if door not in self._doors:
            listener = self.doors.listen(door.name)
            conversations = Conversations(partial(self._serve_one, door))
            listening = asyncio.create_task(_accept(conversations, listener))
            self._doors[door] = Opened(listener.getsockname()[1], conversations, listening)

    def url(self, service: ServiceId, tag: str = "") -> str:
        """The address of a service or of a tag, empty while it is not open."""
        opened = self._doors.get(Door(service, tag))
        return f"http://127.0.0.1:{opened.port}" if opened else ""

    def close(self, service: ServiceId) -> None:
        """Stop listening for a service that is no more, drop its connections and give up its ports."""
        for door in [door for door in self._doors if door.service == service]:
            self._shut(door)
            self.doors.forget(door.name)

    def close_all(self) -> None:
        """Stop listening, and drop all connections."""
        for door in list(self._doors):
            self._shut(door)

    def _shut(self, door: Door) -> None:
        opened = self._doors.pop(door)
        opened.listening.cancel()
        opened.conversations.drop()

    async def _serve_one(self, door: Door, client: Peer) -> bool:
        """Serve the next request of a client; False when there was none or it was no HTTP."""
        try:
            async with asyncio.timeout(KEEP_ALIVE):
                request = await client.receive()
        except h11.RemoteProtocolError as error:
            await _say(client, error.error_status_hint)
            return False
        if not isinstance(request, h11.Request):
            return False
        with self.activity.request():
            await self._serve(door, client, request)
        return True

    async def _serve(self, door: Door, client: Peer, request: h11.Request) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        span = trace.adopt(headers)
        base = self.url(door.service, door.tag)
        remote = client.writer.get_extra_info("peername")[0]
        served = Served(
            request.method.decode(), base + request.target.decode("latin-1"), headers.get("user-agent", ""),
            f"HTTP/{request.http_version.decode()}", span.trace, span.span, remote=remote,
        )  # fmt: skip
        raw = forwarded_headers(request, base.removeprefix("http://"), remote, span.headers())
        outbound = h11.Request(method=request.method, target=request.target, headers=raw)
        revision = self._choose(door)
        source = Source(revision.id if revision else RevisionId(door.service, ""))
        began = time.monotonic()
        try:
            if revision is None:
                await _say(client, 404, served)
            else:
                source = await self._forward(revision, client, outbound, served)
        except ClientLeft:
            served.status = served.status or CLIENT_CLOSED_REQUEST
            raise
        finally:
            served.seconds = time.monotonic() - began
            self.logs.append(request_entry(source, served))

    def _choose(self, door: Door) -> Revision | None:
        service = self.catalog.find(door.service)
        routes = service.routes if service else ()
        name = tagged(routes, door.tag) if door.tag else choose(routes, random.random())
        return self.catalog.find_revision(RevisionId(door.service, name))

    async def _forward(self, revision: Revision, client: Peer, outbound: h11.Request, served: Served) -> Source:
        """Carry a request to an instance of a revision; whatever goes wrong there, the client gets an answer."""
        source = Source(revision.id)
        limit = float(revision.template["timeout"].removesuffix("s"))
        try:
            async with asyncio.timeout(limit), self._upstream(revision) as (instance, peer):
                source = instance.source
                await relay(client, peer, outbound, served)
        except TimeoutError:
            await _fail(client, 504, served)
        except StartFailed:
            await _fail(client, 503, served)
        except InstanceLost as lost:
            await _fail(client, lost.status, served)
        except h11.RemoteProtocolError as error:
            await _fail(client, error.error_status_hint, served)
        return source

    @asynccontextmanager
    async def _upstream(self, revision: Revision) -> AsyncIterator[tuple[Instance, Peer]]:
        """A connection to an instance of a revision. One on whose port nobody listens is replaced once."""
        for _ in range(2):
            instance = await self.fleet.acquire(revision)
            try:
                peer = await _connect(instance.port)
                if peer is None:
                    self.fleet.discard(instance)
                    continue
                try:
                    yield instance, peer
                finally:
                    peer.abort()
                return
            finally:
                self.fleet.release(instance)
        raise InstanceLost(503)


async def _accept(conversations: Conversations, listener: socket.socket) -> None:
    async with await conversations.listen(listener) as server:
        await server.serve_forever()


async def _connect(port: int) -> Peer | None:
    """Who listens on a local port, None when nobody does."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None
    return Peer(h11.CLIENT, reader, writer)


async def _fail(client: Peer, status: int, served: Served) -> None:
    """Answer for an instance that could not, or break off when its answer had begun."""
    if served.status:
        served.status = served.status if served.status == 101 else status
        raise ClientLeft
    await _say(client, status, served)


async def _say(client: Peer, status: int, served: Served | None = None) -> None:
    body = ANSWERS.get(status, "").encode()
    if served is not None:
        served.status, served.sent = status, len(body)
    await client.answer(status, "text/plain; charset=UTF-8", body)
