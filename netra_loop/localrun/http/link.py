"""One end of an HTTP/1.1 connection of the router: to a client, or to an instance."""

from netra_loop.localrun.http.message import (
    Body,
    Framing,
    Refused,
    Request,
    Response,
    head_bytes,
    read_request,
    read_response,
    take_head,
)  # fmt: skip
from netra_loop.localrun.http.wire import Wire


class Broken(ConnectionError):
    """The other end closed its side within a message."""


class Link:
    """Messages are read one after the other, each to its end before the next."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.goes_on = True
        self.is_reused = False
        self._arrived = bytearray()
        self._body = Body(0)

    @property
    def is_read(self) -> bool:
        """Whether nothing is left of the message."""
        return self._body.done

    @property
    def is_silent(self) -> bool:
        """Whether the connection is open and nothing waits to be read."""
        return self.wire.is_silent and not self._arrived

    async def request(self) -> Request | None:
        """The head of the next request, None when there is none any more. Raises Refused, Broken and OSError."""
        try:
            lines = await self._head()
            request = read_request(lines) if lines else None
        except Refused:
            self._body = Body(Framing.UNTIL_CLOSE)  # whatever follows belongs to nothing
            raise
        if request is not None:
            self._begin(request)
        return request

    async def response(self, method: bytes) -> Response:
        """The head of the answer to a request, or one that announces it. Raises Refused, Broken and OSError."""
        lines = await self._head()
        if lines is None:
            raise Broken
        response = read_response(lines, method)
        self._begin(response)
        return response

    def body_so_far(self) -> bytes:
        """What of the body has arrived and was not taken yet. Raises Refused."""
        return b"" if self._body.done else self._body.take(self._arrived)

    async def body(self) -> bytes:
        """The next piece of the body, empty only at its end. Raises Refused, Broken and OSError."""
        while not self._body.done:
            if piece := self._body.take(self._arrived):
                return piece
            if not self._body.done:
                await self._more()
        return b""

    def trailing(self) -> bytes:
        """What has arrived after the message, once."""
        data = bytes(self._arrived)
        self._arrived.clear()
        return data

    async def answer(self, status: int, content_type: bytes, body: bytes, bodiless: bool) -> None:
        """Send a whole answer; it announces the end of the connection when that does not go on."""
        self.goes_on = self.goes_on and self.is_read
        headers = [
            (b"", b"content-type", content_type),
            (b"", b"content-length", b"%d" % len(body)),
        ] + ([] if self.goes_on else [(b"", b"connection", b"close")])
        await self.wire.write(head_bytes(b"HTTP/1.1 %d " % status, headers) + (b"" if bodiless else body))

    def _begin(self, message: Request | Response) -> None:
        self.goes_on = message.goes_on
        self._body = Body(message.framing)

    async def _head(self) -> list[bytes] | None:
        while (lines := take_head(self._arrived)) is None:
            data = await self.wire.read()
            if not data and self._arrived:
                raise Broken
            if not data:
                return None
            self._arrived += data
        return lines

    async def _more(self) -> None:
        data = await self.wire.read()
        if data:
            self._arrived += data
        elif self._body.framing is Framing.UNTIL_CLOSE:
            self._body.done = True
        else:
            raise Broken
