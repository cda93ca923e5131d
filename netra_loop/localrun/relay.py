"""One request carried to an instance and its answer carried back, both streamed, until both ends agree it is over."""

import asyncio
from collections.abc import Iterable

import h11

from netra_loop.localrun.entries import Served
from netra_loop.localrun.http1 import BLOCK, Peer

HOP_BY_HOP = {b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"te"}
REPLACED = {b"traceparent", b"x-cloud-trace-context", b"x-forwarded-for", b"x-forwarded-proto", b"forwarded"}

RawHeaders = list[tuple[bytes, bytes]]


class InstanceLost(Exception):
    """The instance broke off or answered something that is no HTTP; `status` is what the client is told."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ClientLeft(ConnectionError):
    """The client closed its connection before the answer was complete."""


async def relay(client: Peer, instance: Peer, request: h11.Request, served: Served) -> None:
    """Carry one request and its answer; `served` gets status and sizes as they become known.

    Raises InstanceLost, ClientLeft, and OSError when a client goes while it is being sent to.
    """
    await _tell_instance(instance, request)
    upload = asyncio.create_task(_carry_body(client, instance, served))
    download = asyncio.create_task(_carry_answer(instance, client, served))
    try:
        await asyncio.wait({upload, download}, return_when=asyncio.FIRST_COMPLETED)
        if not download.done():
            upload.result()
            raise ClientLeft
        download.result()
    finally:
        await _drop(upload, download)
    if instance.protocol.their_state is h11.SWITCHED_PROTOCOL:
        await _splice(client, instance)


def is_upgrade(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name.lower() == b"connection" and b"upgrade" in value.lower() for name, value in headers)


def forwarded_headers(request: h11.Request, host: str, remote: str, trace: dict[str, str]) -> RawHeaders:
    """What the instance is sent: the client's headers without those of the hop, and those that Cloud Run adds."""
    kept = [(name, value) for name, value in request.headers.raw_items() if name.lower() not in HOP_BY_HOP | REPLACED]
    before = [value.decode("latin-1") for name, value in request.headers if name == b"x-forwarded-for"]
    added = {
        "x-forwarded-for": ", ".join([*before, remote]),
        "x-forwarded-proto": "http",
        "forwarded": f'for="{remote}";proto=http',
        "connection": "upgrade" if is_upgrade(request.headers) else "close",
        **trace,
    }
    if not any(name == b"host" for name, _ in request.headers):
        added["host"] = host
    return kept + [(name.encode(), value.encode("latin-1")) for name, value in added.items()]


async def _tell_instance(instance: Peer, request: h11.Request) -> None:
    try:
        await instance.send(request)
    except OSError:
        raise InstanceLost(503) from None


async def _carry_body(client: Peer, instance: Peer, served: Served) -> None:
    """Carry the request's body, then wait for the client to go, which is the only way to return.

    An instance that stops reading ends the carrying only: it may have answered already.
    """
    event: object = None
    while not isinstance(event, h11.EndOfMessage):
        event = await client.receive()
        if not isinstance(event, h11.Data | h11.EndOfMessage):
            raise ClientLeft
        served.received += len(event.data) if isinstance(event, h11.Data) else 0
        try:
            await instance.send(event)
        except OSError:
            break
    await client.gone()


async def _carry_answer(instance: Peer, client: Peer, served: Served) -> None:
    while True:
        event = await _from_instance(instance)
        if isinstance(event, h11.InformationalResponse):
            await client.send(event)
            if event.status_code == 101:
                served.status = 101
                return
        elif isinstance(event, h11.Response):
            served.status = event.status_code
            await client.send(_without_hop(event))
        elif isinstance(event, h11.Data):
            served.sent += len(event.data)
            await client.send(event)
        else:
            await client.send(event)
            return


async def _from_instance(instance: Peer) -> h11.Event:
    try:
        event = await instance.receive()
    except h11.RemoteProtocolError:
        raise InstanceLost(503 if instance.ended else 502) from None
    except OSError:
        raise InstanceLost(503) from None
    if not isinstance(event, h11.Event) or isinstance(event, h11.ConnectionClosed):
        raise InstanceLost(503)
    return event


def _without_hop(response: h11.Response) -> h11.Response:
    headers = [(name, value) for name, value in response.headers.raw_items() if name.lower() not in HOP_BY_HOP]
    return h11.Response(status_code=response.status_code, headers=headers, reason=response.reason)


async def _splice(client: Peer, instance: Peer) -> None:
    """After an upgrade: bytes both ways, whatever they are, until one end closes."""
    instance.writer.write(client.protocol.trailing_data[0])
    client.writer.write(instance.protocol.trailing_data[0])
    up = asyncio.create_task(_pump(client, instance))
    down = asyncio.create_task(_pump(instance, client))
    try:
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _drop(up, down)


async def _pump(source: Peer, sink: Peer) -> None:
    while data := await source.reader.read(BLOCK):
        sink.writer.write(data)
        await sink.writer.drain()


async def _drop(*tasks: asyncio.Task[None]) -> None:
    """End tasks whose result does not matter any more."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
