"""One request carried to an instance and its answer carried back, both streamed, until both ends agree it is over."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import h11

from netra_loop.localrun.connections import Connections
from netra_loop.localrun.entries import Served
from netra_loop.localrun.http1 import Peer
from netra_loop.localrun.wire import Wire

HOP_BY_HOP = {b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"te"}
REPLACED = {b"traceparent", b"x-cloud-trace-context", b"x-forwarded-for", b"x-forwarded-proto", b"forwarded"}
NOT_SENT_ON = HOP_BY_HOP | REPLACED

RawHeaders = list[tuple[bytes, bytes]]


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
    """A request as the instance gets it: its head, and what of its body has arrived."""

    head: h11.Request
    body: list[h11.Event]

    @property
    def is_bare(self) -> bool:
        """Whether it is complete and has no body."""
        return len(self.body) == 1 and isinstance(self.body[0], h11.EndOfMessage)

    @property
    def is_whole(self) -> bool:
        return bool(self.body) and isinstance(self.body[-1], h11.EndOfMessage)


async def relay(client: Peer, instance: Peer, outbound: Outbound, served: Served) -> None:
    """Carry one request and its answer; `served` gets status and sizes as they become known.

    A client that goes takes the connection to the instance along. Raises InstanceLost, NotTaken, ClientLeft,
    h11.RemoteProtocolError when the client's body is no HTTP, and OSError when a client goes while it is sent to.
    """
    client.wire.when_ended(instance.abort)
    upload: asyncio.Task[None] | None = None
    try:
        await _tell_instance(instance, outbound, served)
        if not outbound.is_whole:
            upload = asyncio.create_task(_carry_body(client, instance, served))
        await _carry_answer(instance, client, served)
        if instance.protocol.their_state is h11.SWITCHED_PROTOCOL:
            client.wire.when_ended(None)
            await _splice(client, instance)
    except InstanceLost:
        if upload is not None and upload.done():
            upload.result()
        if client.ended:
            raise ClientLeft from None
        raise
    finally:
        client.wire.when_ended(None)
        if upload is not None:
            await _drop(upload)


async def exchange(connections: Connections, client: Peer, outbound: Outbound, served: Served) -> bool:
    """Carry one request over a connection to an instance, as `relay`; False when nobody listens there.

    Only a request without a body goes over a kept connection: when the instance closed that before it read the
    request, it goes over a new one.
    """
    kept = connections.take() if outbound.is_bare else None
    if kept is not None:
        with suppress(NotTaken):
            await _exchange_over(kept, connections, client, outbound, served)
            return True
    peer = await connections.open()
    if peer is None:
        return False
    await _exchange_over(peer, connections, client, outbound, served)
    return True


async def _exchange_over(
    peer: Peer, connections: Connections, client: Peer, outbound: Outbound, served: Served
) -> None:
    try:
        await relay(client, peer, outbound, served)
    finally:
        connections.keep(peer)


def is_upgrade(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name.lower() == b"connection" and b"upgrade" in value.lower() for name, value in headers)


def forwarded_headers(request: h11.Request, host: str, remote: str, trace: dict[str, str]) -> RawHeaders:
    """What the instance is sent: the client's headers without those of the hop, and those that Cloud Run adds."""
    headers = zip(request.headers, request.headers.raw_items(), strict=True)
    kept = [raw for (name, _), raw in headers if name not in NOT_SENT_ON]
    before = [value.decode("latin-1") for name, value in request.headers if name == b"x-forwarded-for"]
    added = {
        "x-forwarded-for": ", ".join([*before, remote]),
        "x-forwarded-proto": "http",
        "forwarded": f'for="{remote}";proto=http',
        **trace,
    }
    if is_upgrade(request.headers):
        added["connection"] = "upgrade"
    if not any(name == b"host" for name, _ in request.headers):
        added["host"] = host
    return kept + [(name.encode(), value.encode("latin-1")) for name, value in added.items()]


async def _tell_instance(instance: Peer, outbound: Outbound, served: Served) -> None:
    try:
        await instance.send(outbound.head, *outbound.body)
    except OSError:
        raise _lost(instance, 503, served) from None


async def _carry_body(client: Peer, instance: Peer, served: Served) -> None:
    """Carry what is left of the request's body; a body that is no HTTP ends the exchange.

    An instance that stops reading ends the carrying only: it may have answered already.
    """
    event: object = None
    while not isinstance(event, h11.EndOfMessage):
        try:
            event = await client.receive()
        except h11.RemoteProtocolError:
            instance.abort()
            raise
        if not isinstance(event, h11.Data | h11.EndOfMessage):
            return
        served.received += size_of(event)
        try:
            await instance.send(event)
        except OSError:
            return


async def _carry_answer(instance: Peer, client: Peer, served: Served) -> None:
    """Carry the answer to its end, or to the switch of protocols; what arrived together goes out together."""
    complete = False
    while not complete:
        events = await _from_instance(instance, served)
        for event in events:
            if isinstance(event, h11.Response):
                served.status = event.status_code
            elif _is_switch(event):
                served.status = 101
            served.sent += size_of(event)
        complete = isinstance(events[-1], h11.EndOfMessage) or _is_switch(events[-1])
        await client.send(*map(_without_hop, events))


async def _from_instance(instance: Peer, served: Served) -> list[h11.Event]:
    """The next events of an answer, at least one. Raises InstanceLost."""
    events: list[h11.Event] = []
    try:
        first = await instance.receive()
        if isinstance(first, h11.Event) and not isinstance(first, h11.ConnectionClosed):
            events.append(first)
            if not isinstance(first, h11.EndOfMessage):
                events += instance.received()
    except h11.RemoteProtocolError:
        if not events:
            raise _lost(instance, 503 if instance.ended else 502, served) from None
    except OSError:
        raise _lost(instance, 503, served) from None
    if not events:
        raise _lost(instance, 503, served)
    return events


def _lost(instance: Peer, status: int, served: Served) -> InstanceLost:
    return NotTaken(status) if instance.wire.was_refused and not served.status else InstanceLost(status)


def size_of(event: object) -> int:
    """The bytes of a body that an event carries."""
    return len(event.data) if isinstance(event, h11.Data) else 0


def _is_switch(event: h11.Event) -> bool:
    return isinstance(event, h11.InformationalResponse) and event.status_code == 101


def _without_hop(event: h11.Event) -> h11.Event:
    if not isinstance(event, h11.Response):
        return event
    pairs = zip(event.headers, event.headers.raw_items(), strict=True)
    headers = [raw for (name, _), raw in pairs if name not in HOP_BY_HOP]
    return h11.Response(status_code=event.status_code, headers=headers, reason=event.reason)


async def _splice(client: Peer, instance: Peer) -> None:
    """After an upgrade: bytes both ways, whatever they are, until one end closes."""
    instance.wire.write_soon(client.protocol.trailing_data[0])
    client.wire.write_soon(instance.protocol.trailing_data[0])
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
