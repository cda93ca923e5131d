"""The service that is measured: it answers at once, on connections that stay open, and echoes WebSockets."""

import asyncio
import base64
import hashlib
import os
import re

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n{"hello":"world"}'
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
KEY = re.compile(rb"sec-websocket-key:[ \t]*(\S+)", re.IGNORECASE)
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Connection(asyncio.Protocol):
    """Requests without a body, and after an upgrade frames of up to 125 bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.unread = b""
        self.upgraded = False

    def data_received(self, data: bytes) -> None:
        self.unread += data
        while not self.upgraded and b"\r\n\r\n" in self.unread:
            head, _, self.unread = self.unread.partition(b"\r\n\r\n")
            self.answer(head)
        if self.upgraded:
            self.echo()

    def answer(self, head: bytes) -> None:
        key = KEY.search(head)
        if key is None:
            self.transport.write(ANSWER)
            return
        self.upgraded = True
        self.transport.write(SWITCH + base64.b64encode(hashlib.sha1(key[1] + MAGIC).digest()) + b"\r\n\r\n")

    def echo(self) -> None:
        while len(self.unread) >= 6 and len(self.unread) >= 6 + (size := self.unread[1] & 0x7F):
            frame, self.unread = self.unread[: 6 + size], self.unread[6 + size :]
            plain = bytes(byte ^ frame[2 + index % 4] for index, byte in enumerate(frame[6:]))
            self.transport.write(bytes([frame[0], size]) + plain)
            if frame[0] & 0x0F == 8:
                self.transport.close()


async def main() -> None:
    """Listen on $PORT until we are told to end."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", int(os.environ["PORT"]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
