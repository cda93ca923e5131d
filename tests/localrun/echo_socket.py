"""A WebSocket client so cheap that a test can have five hundred of them: short texts only, and a mask of zeros."""

import asyncio
from urllib.parse import urlsplit

NO_MASK = bytes(4)
TEXT, CLOSE = 0x81, 0x88
UPGRADE = (
    "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class EchoSocket:
    """One WebSocket to a service that sends back what it gets."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, uri: str) -> "EchoSocket":
        """Raises AssertionError when the service does not switch protocols."""
        address = urlsplit(uri)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(UPGRADE.format(host=address.netloc).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        return cls(reader, writer)

    async def echo(self, text: str) -> str:
        """What comes back for a text of at most 125 bytes."""
        data = text.encode()
        self._writer.write(bytes([TEXT, 0x80 | len(data)]) + NO_MASK + data)
        start = await self._reader.readexactly(2)
        return (await self._reader.readexactly(start[1])).decode()

    async def close(self) -> bool:
        """Say goodbye; whether the service did, too, and closed."""
        self._writer.write(bytes([CLOSE, 0x80]) + NO_MASK)
        rest = await self._reader.read()
        self._writer.close()
        return rest == bytes([CLOSE, 0])
