"""A client of the control plane: h11 events over the bytes of a wire."""

from contextlib import suppress

import h11

from netra_loop.localrun.http.message import LARGEST_HEAD
from netra_loop.localrun.http.wire import Wire

BOTH_DONE = {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}


class Peer:
    """Who is at the other end."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD)
        self._wants_body = True

    @property
    def goes_on(self) -> bool:
        return self.protocol.states == BOTH_DONE

    @property
    def is_read(self) -> bool:
        return self.protocol.their_state is h11.DONE

    async def receive(self) -> h11.Event | None:
        """The next event; None while the protocol pauses, after a finished request.

        A request that follows one that was answered begins a new cycle. Raises h11.RemoteProtocolError for what is no
        HTTP, and OSError.
        """
        if self.goes_on:
            self.protocol.start_next_cycle()
            self._wants_body = True
        while (event := self.protocol.next_event()) is h11.NEED_DATA:
            self.protocol.receive_data(await self.wire.read())
        if isinstance(event, h11.Request):
            self._wants_body = event.method != b"HEAD"
        return event if isinstance(event, h11.Event) else None

    async def send(self, *events: h11.Event) -> None:
        """Send events and wait until the peer keeps up."""
        data = b"".join([self.protocol.send(event) or b"" for event in events])
        if data:
            await self.wire.write(data)

    async def answer(self, status: int, content_type: str, body: bytes, *more: tuple[str, str]) -> None:
        """Send a whole answer. It announces the end of the connection when the request was not read to its end."""
        headers = [("content-type", content_type), ("content-length", str(len(body))), *more]
        if not self._request_is_read():
            headers.append(("connection", "close"))
        response = h11.Response(status_code=status, headers=headers, reason=b"")
        await self.send(response, h11.Data(data=body if self._wants_body else b""), h11.EndOfMessage())

    def _request_is_read(self) -> bool:
        """Whether nothing is left of the request; the end of one without a body may only wait to be noticed."""
        with suppress(h11.RemoteProtocolError):
            if self.protocol.their_state is h11.SEND_BODY:
                self.protocol.next_event()
        return self.protocol.their_state not in (h11.SEND_BODY, h11.ERROR)
