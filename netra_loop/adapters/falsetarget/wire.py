"""One connection to a sabotaged target, with bounded reads and bounded patience."""

from __future__ import annotations

import anyio
from anyio.abc import ByteStream

IDLE = 2.0  # seconds in which a client says nothing, or takes nothing: it waits for what will never come
CHUNK = 65536  # bytes, the most that is held of what has not been understood yet


class Wire:
    """Reads in pieces, in lines or in lengths; whatever was put back comes first."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._ahead = b""

    async def receive(self) -> bytes:
        """What comes next; empty once the client has ended or was silent for IDLE seconds."""
        if self._ahead:
            ahead, self._ahead = self._ahead, b""
            return ahead
        with anyio.move_on_after(IDLE):
            try:
                return await self._stream.receive(CHUNK)
            except anyio.EndOfStream:
                return b""
        return b""

    def put_back(self, data: bytes) -> None:
        """Have this read again."""
        self._ahead = data + self._ahead

    async def exactly(self, count: int) -> bytes:
        """So many bytes, at most CHUNK; empty when they do not come."""
        got = b""
        while len(got) < count:
            more = await self.receive()
            if not more:
                return b""
            got += more
        self.put_back(got[count:])
        return got[:count]

    async def line(self) -> bytes:
        """Up to the next line end, without it; empty when none comes, or none that is near."""
        got = b""
        while b"\r\n" not in got:
            more = await self.receive()
            if not more or len(got) > CHUNK:
                return b""
            got += more
        line, _, rest = got.partition(b"\r\n")
        self.put_back(rest)
        return line

    async def drop(self, count: int) -> bool:
        """Read so many bytes and forget them; False when they do not come."""
        while count > 0:
            got = await self.receive()
            if not got:
                return False
            self.put_back(got[count:])
            count -= len(got)
        return True

    async def send(self, data: bytes) -> None:
        """Raises TimeoutError when the client does not take it."""
        with anyio.fail_after(IDLE):
            await self._stream.send(data)
