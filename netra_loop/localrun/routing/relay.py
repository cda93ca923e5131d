"""One request carried to an instance and its answer carried back, both streamed, until both ends agree it is over."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from netra_loop.localrun.http.connections import Connections
from netra_loop.localrun.http.link import Link
from netra_loop.localrun.http.message import Framing, Headers, Refused, Request, Response, chunk, head_bytes, values
from netra_loop.localrun.http.wire import Wire
from netra_loop.localrun.logs.entries import Served

HOP_BY_HOP = {b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"te", b"transfer-encoding"}
REPLACED = {b"traceparent", b"x-cloud-trace-context", b"x-forwarded-for", b"x-forwarded-proto", b"forwarded"}
NOT_SENT_ON = HOP_BY_HOP | REPLACED
CHUNKED = (b"", b"transfer-encoding", b"chunked")
LAST_CHUNK = b"0\r\n\r\n"


class InstanceLost(Exception):
    """The instance broke off or answered something that is no HTTP; `status` is what the client is told."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class NotTaken(InstanceLost):
    """The instance closed the connection without having read the request, so that another may carry it."""


class ClientLeft(ConnectionError):
    """The client closed its connection before the answer was complete."""


@dataclass(frozen=True, slots=True)
class Outbound:
    """A request as the instance gets it: its head in bytes, and the one it was made of."""

    request: Request
    head: bytes


async def exchange(connections: Connections, client: Link, outbound: Outbound, served: Served) -> bool:
    """Carry one request over a connection to an instance; False when nobody listens there.

    Only a request without a body goes over a kept connection: when the instance closed that before it read the
    request, it goes over a new one. Raises InstanceLost, ClientLeft, Refused when the client's body is no HTTP, and
    OSError when a client goes while it is sent to.
    """
    kept = connections.take() if outbound.request.framing == 0 else None
    if kept is not None:
        with suppress(NotTaken):
            await _exchange_over(kept, connections, client, outbound, served)
            return True
    fresh = await connections.open()
    if fresh is None:
        return False
    await _exchange_over(fresh, connections, client, outbound, served)
    return True


async def _exchange_over(
    instance: Link, connections: Connections, client: Link, outbound: Outbound, served: Served
) -> None:
    try:
        await _relay(client, instance, outbound, served)
    except BaseException:
        instance.wire.abort()
        raise
    instance.goes_on = instance.goes_on and client.is_read
    connections.keep(instance)


def outbound_head(request: Request, host: str, remote: str, trace: dict[str, str]) -> bytes:
    """What the instance is sent: the client's headers without those of the hop, and those that Cloud Run adds."""
    kept = [header for header in request.headers if header[0] not in NOT_SENT_ON]
    before = [value.decode("latin-1") for value in values(request.headers, b"x-forwarded-for")]
    added = {
        "x-forwarded-for": ", ".join([*before, remote]),
        "x-forwarded-proto": "http",
        "forwarded": f'for="{remote}";proto=http',
        **trace,
    }
    if request.asks_upgrade:
        added["connection"] = "upgrade"
    if request.framing is Framing.CHUNKED:
        added["transfer-encoding"] = "chunked"
    if not values(request.headers, b"host"):
        added["host"] = host
    ours = [(b"", name.encode(), value.encode("latin-1")) for name, value in added.items()]
    return head_bytes(b"%b %b HTTP/1.1" % (request.method, request.target), kept + ours)


async def _relay(client: Link, instance: Link, outbound: Outbound, served: Served) -> None:
    """A client that goes takes the connection to the instance along; `served` gets status and sizes."""
    client.wire.when_ended(instance.wire.abort)
    upload: asyncio.Task[None] | None = None
    try:
        await _tell_instance(client, instance, outbound, served)
        if not client.is_read:
            upload = asyncio.create_task(_carry_body(client, instance, outbound.request.framing, served))
        await _carry_answer(instance, client, outbound.request, served)
        client.wire.when_ended(None)
        if served.status == 101:
            await _splice(client, instance)
    except InstanceLost:
        if client.wire.ended:
            raise ClientLeft from None
        if upload is not None and upload.done():
            upload.result()
        raise
    finally:
        client.wire.when_ended(None)
        if upload is not None:
            await _drop(upload)


async def _tell_instance(client: Link, instance: Link, outbound: Outbound, served: Served) -> None:
    """Send the head and what of the body is there already."""
    piece = _framed(client, outbound.request.framing, client.body_so_far(), served)
    try:
        await instance.wire.write(outbound.head + piece)
        instance.wire.acknowledge_soon()
    except OSError:
        raise await _lost(instance, served) from None


async def _carry_body(client: Link, instance: Link, framing: int | Framing, served: Served) -> None:
    """Carry what is left of the request's body; a body that is no HTTP ends the exchange.

    An instance that stops reading ends the carrying only: it may have answered already.
    """
    while not client.is_read:
        try:
            piece = _framed(client, framing, await client.body(), served)
        except Refused:
            instance.wire.abort()
            raise
        try:
            await instance.wire.write(piece)
        except OSError:
            return


def _framed(client: Link, framing: int | Framing, piece: bytes, served: Served) -> bytes:
    served.received += len(piece)
    if framing is not Framing.CHUNKED:
        return piece
    return chunk(piece) + (LAST_CHUNK if client.is_read else b"")


async def _carry_answer(instance: Link, client: Link, request: Request, served: Served) -> None:
    """Carry the answer to its end, or to the switch of protocols; what arrived together goes out together."""
    response = await _head_of_answer(instance, request, served)
    while response.status < 200 and response.status != 101:
        await client.wire.write(_head(response, response.headers))
        response = await _head_of_answer(instance, request, served)
    served.status = response.status
    if response.status == 101:
        await client.wire.write(_head(response, response.headers))
        return
    chunked = not isinstance(response.framing, int) and request.version == "HTTP/1.1"
    client.goes_on = client.goes_on and client.is_read and (chunked or isinstance(response.framing, int))
    head = _head(response, _headers_for(client, response, chunked))
    await _carry_pieces(instance, client, head, chunked, served)


async def _carry_pieces(instance: Link, client: Link, head: bytes, chunked: bool, served: Served) -> None:
    piece = await _piece(instance, so_far=True, served=served)
    while True:
        served.sent += len(piece)
        framed = chunk(piece) + (LAST_CHUNK if instance.is_read else b"") if chunked else piece
        await client.wire.write(head + framed)
        if instance.is_read:
            return
        head, piece = b"", await _piece(instance, so_far=False, served=served)


async def _head_of_answer(instance: Link, request: Request, served: Served) -> Response:
    try:
        return await instance.response(request.method)
    except OSError:
        raise await _lost(instance, served) from None
    except Refused:
        raise InstanceLost(502) from None


async def _piece(instance: Link, *, so_far: bool, served: Served) -> bytes:
    try:
        return instance.body_so_far() if so_far else await instance.body()
    except (OSError, Refused):
        raise InstanceLost(503) from None


async def _lost(instance: Link, served: Served) -> InstanceLost:
    never_read = instance.is_reused and not served.status and await instance.wire.was_refused()
    return NotTaken(503) if never_read else InstanceLost(503)


def _headers_for(client: Link, response: Response, chunked: bool) -> Headers:
    """An answer's headers without those of the hop, and with ours."""
    headers = [header for header in response.headers if header[0] not in HOP_BY_HOP]
    if chunked:
        headers.append(CHUNKED)
    if not client.goes_on:
        headers.append((b"", b"connection", b"close"))
    return headers


def _head(response: Response, headers: Headers) -> bytes:
    return head_bytes(b"HTTP/1.1 %d %b" % (response.status, response.reason), headers)


async def _splice(client: Link, instance: Link) -> None:
    """After an upgrade: bytes both ways, whatever they are, until one end closes."""
    client.goes_on = instance.goes_on = False
    await instance.wire.write(client.trailing())
    await client.wire.write(instance.trailing())
    up = asyncio.create_task(_pump(client.wire, instance.wire))
    down = asyncio.create_task(_pump(instance.wire, client.wire))
    try:
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _drop(up, down)


async def _pump(source: Wire, sink: Wire) -> None:
    while data := await source.read():
        await sink.write(data)


async def _drop(*tasks: asyncio.Task[None]) -> None:
    """End tasks whose result does not matter any more."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
