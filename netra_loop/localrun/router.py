"""The router: a loopback port for each service and each tag, which carries every request to a revision's instance."""

import asyncio
import random
import socket
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import h11

from netra_loop.localrun import trace
from netra_loop.localrun.activity import Activity
from netra_loop.localrun.catalog import Catalog
from netra_loop.localrun.entries import Served, Source, request_entry
from netra_loop.localrun.http1 import Peer, listen
from netra_loop.localrun.instances import Fleet, Instance, StartFailed
from netra_loop.localrun.log_store import LogStore
from netra_loop.localrun.model import Revision, RevisionId, ServiceId
from netra_loop.localrun.relay import ClientLeft, InstanceLost, forwarded_headers, relay
from netra_loop.localrun.traffic import choose, tagged

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


@dataclass(slots=True)
class Router:
    catalog: Catalog
    fleet: Fleet
    logs: LogStore
    activity: Activity
    _ports: dict[Door, int] = field(init=False, default_factory=dict)
    _listening: dict[Door, asyncio.Task[None]] = field(init=False, default_factory=dict)
    _connections: dict[asyncio.Task[None], Door] = field(init=False, default_factory=dict)

    def open(self, service: ServiceId, tag: str = "") -> None:
        """Listen for a service, or for one tag of it; the port stays the same until the service is deleted."""
        door = Door(service, tag)
        if door not in self._ports:
            listener = listen()
            self._ports[door] = listener.getsockname()[1]
            self._listening[door] = asyncio.create_task(self._listen(door, listener))

    def url(self, service: ServiceId, tag: str = "") -> str:
        """The address of a service or of a tag, empty while it is not open."""
        port = self._ports.get(Door(service, tag))
        return f"http://127.0.0.1:{port}" if port else ""

    def close(self, service: ServiceId | None = None) -> None:
        """Stop listening for a service, or for all, and drop their connections."""
        for door in [door for door in self._ports if service in (None, door.service)]:
            del self._ports[door]
            self._listening.pop(door).cancel()
        for task, door in self._connections.items():
            if service in (None, door.service):
                task.cancel()

    async def _listen(self, door: Door, listener: socket.socket) -> None:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._connected(door, reader, writer)

        async with await asyncio.start_server(connected, sock=listener) as server:
            await server.serve_forever()

    async def _connected(self, door: Door, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = door
        client = Peer(h11.SERVER, reader, writer)
        try:
            while await self._serve_one(door, client):
                client.protocol.start_next_cycle()
            await client.close()
        except (OSError, ClientLeft, asyncio.CancelledError):
            client.abort()
        except Exception:
            traceback.print_exc()
            client.abort()
        finally:
            del self._connections[task]

    async def _serve_one(self, door: Door, client: Peer) -> bool:
        """Serve the next request of a connection; False when the connection has served its last."""
        try:
            async with asyncio.timeout(KEEP_ALIVE):
                request = await client.receive()
        except TimeoutError:
            return False
        except h11.RemoteProtocolError as error:
            await _say(client, error.error_status_hint)
            return False
        if not isinstance(request, h11.Request):
            return False
        with self.activity.request():
            await self._serve(door, client, request)
        return client.protocol.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}

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
        for attempt in (1, 2):
            instance = await self.fleet.acquire(revision)
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", instance.port)
            except OSError:
                self.fleet.discard(instance)
                self.fleet.release(instance)
                if attempt == 2:
                    raise InstanceLost(503) from None
                continue
            try:
                yield instance, Peer(h11.CLIENT, reader, writer)
                return
            finally:
                writer.transport.abort()
                self.fleet.release(instance)


async def _fail(client: Peer, status: int, served: Served) -> None:
    """Answer for an instance that could not, or break off when its answer had begun."""
    if served.status:
        served.status = served.status if served.status == 101 else status
        raise ClientLeft
    await _say(client, status, served)


async def _say(client: Peer, status: int, served: Served | None = None) -> None:
    body = ANSWERS.get(status, "").encode()
    headers = [("content-type", "text/plain; charset=UTF-8"), ("content-length", str(len(body)))]
    if served is not None:
        served.status, served.sent = status, len(body)
    with suppress(h11.LocalProtocolError):
        response = h11.Response(status_code=status, headers=headers, reason=b"")
        await client.send(response, h11.Data(data=body), h11.EndOfMessage())
