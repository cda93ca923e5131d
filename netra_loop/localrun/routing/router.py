"""The router: a loopback port for each service and each tag, which carries every request to a revision's instance."""

import asyncio
import random
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from netra_loop.localrun.activity import Activity
from netra_loop.localrun.http.conversations import Conversations
from netra_loop.localrun.http.link import Link
from netra_loop.localrun.http.message import Refused, Request, values
from netra_loop.localrun.logs.entries import Served, Source, request_entry
from netra_loop.localrun.logs.intake import Intake
from netra_loop.localrun.loopback import is_local
from netra_loop.localrun.routing import trace
from netra_loop.localrun.routing.doors import CONTROL_PLANE, Doors
from netra_loop.localrun.routing.relay import ClientLeft, InstanceLost, Outbound, exchange, outbound_head
from netra_loop.localrun.routing.stale import StaleInstances
from netra_loop.localrun.runtime.group import NoInstance
from netra_loop.localrun.runtime.instance import Instance, StartFailed
from netra_loop.localrun.runtime.instances import Fleet
from netra_loop.localrun.services.catalog import Catalog
from netra_loop.localrun.services.model import Revision, RevisionId, ServiceId
from netra_loop.localrun.services.traffic import choose, tagged, tags

KEEP_ALIVE = 600.0  # seconds a connection may stay silent between two requests
LAST_MOMENT = 0.2  # seconds
CLIENT_CLOSED_REQUEST = 499
NO_INSTANCE = "The request was aborted because there was no available instance."
TOO_LONG = (
    "The request has been terminated because it has reached the maximum request timeout. To change this limit, see "
    "https://cloud.google.com/run/docs/configuring/request-timeout"
)
ANSWERS = {
    400: "Bad Request",
    404: "The requested URL was not found: no revision serves here.",
    429: "Rate exceeded.",
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
    conversations: Conversations[Link]
    listening: asyncio.Task[None]


@dataclass(slots=True)
class Router:
    """Opens and closes doors, and serves who comes in by the routes that the catalog has at that moment.

    `seed` decides how a traffic split falls out.
    """

    catalog: Catalog
    fleet: Fleet
    logs: Intake
    activity: Activity
    seed: int
    doors: Doors
    stale: StaleInstances = field(init=False, default_factory=StaleInstances)
    _doors: dict[Door, Opened] = field(init=False, default_factory=dict)
    _dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)

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
            conversations = Conversations(partial(self._serve_one, door), Link)
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

    async def _serve_one(self, door: Door, client: Link) -> bool:
        """Serve the next request of a client; False when there was none or it was no HTTP."""
        try:
            async with asyncio.timeout(KEEP_ALIVE):
                request = await client.request()
            if request is None:
                return False
            ours = _is_ours(request)
        except Refused as refused:
            await _say(client, refused.status, None)
            return False
        if not ours:
            await _say(client, 404, request)
            return True
        with self.activity.request():
            await self._serve(door, client, request)
        return True

    async def _serve(self, door: Door, client: Link, request: Request) -> None:
        headers = {lower.decode(): value.decode("latin-1") for lower, _, value in request.headers}
        span = trace.adopt(headers)
        base = self.url(door.service, door.tag)
        remote = client.wire.remote
        served = Served(
            request.method.decode(), base + request.target.decode(), headers.get("user-agent", ""), request.version,
            span.trace, span.span, remote=remote,
        )  # fmt: skip
        head = outbound_head(request, base.removeprefix("http://"), remote, span.headers())
        await self._answer(door, client, Outbound(request, head), served)

    async def _answer(self, door: Door, client: Link, outbound: Outbound, served: Served) -> None:
        """Have a request answered by the revision that the traffic split gives it to, and log it."""
        revision = self._choose(door)
        identity = revision.id if revision else RevisionId(door.service, "")
        began = time.monotonic()
        try:
            if revision is None:
                await _say(client, 404, outbound.request, served)
            else:
                await self._forward(revision, client, outbound, served)
        except OSError:
            served.status = served.status or CLIENT_CLOSED_REQUEST
            raise
        finally:
            served.seconds = time.monotonic() - began
            self.logs.append(request_entry(Source(identity, served.instance), served))

    def _choose(self, door: Door) -> Revision | None:
        service = self.catalog.find(door.service)
        routes = service.routes if service else ()
        name = (
            tagged(routes, door.tag) if door.tag else choose(self.stale.met(door.service, routes), self._dice.random())
        )
        return self.catalog.find_revision(RevisionId(door.service, name))

    async def _forward(self, revision: Revision, client: Link, outbound: Outbound, served: Served) -> None:
        """Carry a request to an instance of a revision; whatever goes wrong there, the client gets an answer."""
        limit = float(revision.template["timeout"].removesuffix("s"))
        try:
            async with asyncio.timeout(limit):
                await self._carry(revision, client, outbound, served)
        except TimeoutError:
            served.note = TOO_LONG
            await _fail(client, 504, outbound.request, served)
        except NoInstance:
            served.note = NO_INSTANCE
            await _fail(client, 429, outbound.request, served)
        except StartFailed:
            await _fail(client, 503, outbound.request, served)
        except InstanceLost as lost:
            await _fail(client, lost.status, outbound.request, served)
        except Refused as refused:
            await _fail(client, refused.status, outbound.request, served)

    async def _carry(self, revision: Revision, client: Link, outbound: Outbound, served: Served) -> None:
        """An instance on whose port nobody listens is replaced once."""
        for _ in range(2):
            instance = await self.fleet.acquire(revision)
            served.instance = instance.id
            try:
                if await exchange(instance.connections, client, outbound, served):
                    return
                self.fleet.discard(instance)
            except InstanceLost:
                await _see_it_end(instance)
                raise
            finally:
                self.fleet.release(instance)
        raise InstanceLost(503)


async def _see_it_end(instance: Instance) -> None:
    """Give an instance that broke off a moment to be gone, so that the client's next request meets another."""
    with suppress(TimeoutError):
        await asyncio.wait_for(instance.process.wait(), LAST_MOMENT)


async def _accept(conversations: Conversations[Link], listener: socket.socket) -> None:
    async with await conversations.listen(listener) as server:
        await server.serve_forever()


def _is_ours(request: Request) -> bool:
    """Whether a request is for this machine; only HTTP/1.0 may leave it open. Raises Refused.

    What is asked of a proxy, by a whole URL, is not for us: we are none here.
    """
    if not request.target.startswith((b"/", b"*")):
        raise Refused
    hosts = values(request.headers, b"host")
    try:
        return not hosts or is_local(hosts[0].decode("latin-1"))
    except ValueError:
        raise Refused from None


async def _fail(client: Link, status: int, request: Request, served: Served) -> None:
    """Answer for an instance that could not, or break off when its answer had begun."""
    if served.status:
        served.status = served.status if served.status == 101 else status
        raise ClientLeft
    await _say(client, status, request, served)


async def _say(client: Link, status: int, request: Request | None, served: Served | None = None) -> None:
    body = ANSWERS.get(status, "").encode()
    if served is not None:
        served.status, served.sent = status, len(body)
    bodiless = request is not None and request.method == b"HEAD"
    await client.answer(status, b"text/plain; charset=UTF-8", body, bodiless)
