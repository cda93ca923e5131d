"""The service the tests deploy: copied into an image and run there; its environment and its paths say what it does."""

import base64
import hashlib
import json
import os
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

RELEASED = threading.Event()
SICK = threading.Event()
HELD: list[BaseHTTPRequestHandler] = []
SEEN = bytearray()
BLOCK = bytes(65536)
WEBSOCKET_KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if self.headers.get("upgrade") == "websocket":
            self.websocket()
        else:
            getattr(self, "at_" + url.path.strip("/").replace("/", "_"), self.at_)(query)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        while block := self.read_some():
            SEEN.extend(block)
        self.reply({"size": len(SEEN), "sha256": hashlib.sha256(SEEN).hexdigest()})
        SEEN.clear()

    def read_some(self) -> bytes:
        """A piece of the body as soon as it is there: a chunk, or what is left of the declared length."""
        if "content-length" in self.headers:
            left = int(self.headers["content-length"]) - len(SEEN)
            return self.rfile.read1(left) if left else b""
        size = int(self.rfile.readline(), 16)
        block = self.rfile.read(size)
        self.rfile.readline()
        return block

    def at_(self, _: dict[str, str]) -> None:
        self.reply({"revision": os.environ.get("K_REVISION"), "version": os.environ.get("VERSION")})

    def at_headers(self, _: dict[str, str]) -> None:
        self.reply({key.lower(): value for key, value in self.headers.items()})

    def at_env(self, _: dict[str, str]) -> None:
        self.reply(dict(os.environ) | {"cwd": str(Path.cwd()), "argv": json.dumps(sys.argv[1:])})

    def at_process(self, _: dict[str, str]) -> None:
        """What a process can say of itself; reading its input and writing a file are tried."""
        scratch = Path(os.environ.get("TMPDIR", "/tmp")) / f"scratch-{os.getpid()}"
        scratch.write_text("kept")
        kept = scratch.read_text()
        scratch.unlink()
        self.reply({"input": os.read(0, 1).decode(), "uid": os.getuid(), "kept": kept, "cwd": str(Path.cwd())})

    def at_status(self, query: dict[str, str]) -> None:
        self.reply({}, int(query["code"]))

    def at_slow(self, query: dict[str, str]) -> None:
        time.sleep(float(query["seconds"]))
        self.reply({})

    def at_hold(self, query: dict[str, str]) -> None:
        """Wait until a file exists; tells which process this is and how many requests it had at once."""
        HELD.append(self)
        most = len(HELD)
        while not Path(query["until"]).exists():
            time.sleep(0.01)
        HELD.remove(self)
        self.reply({"pid": os.getpid(), "at_once": most})

    def at_sicken(self, _: dict[str, str]) -> None:
        SICK.set()
        self.reply({})

    def at_health(self, _: dict[str, str]) -> None:
        self.reply({}, 500 if SICK.is_set() else 200)

    def at_deafen(self, _: dict[str, str]) -> None:
        """Accept no more connections."""
        assert isinstance(self.server, Server)
        self.server.socket.close()
        self.reply({})

    def at_large(self, query: dict[str, str]) -> None:
        self.send_response(200)
        self.send_header("content-length", query["size"])
        self.end_headers()
        for _ in range(int(query["size"]) // len(BLOCK)):
            self.wfile.write(BLOCK)

    def at_closes(self, _: dict[str, str]) -> None:
        """Answer as if the connection went on, and close it."""
        self.reply({})
        self.close_connection = True

    def at_closes_late(self, _: dict[str, str]) -> None:
        """Answer, and close in two steps with the next request unread in between."""
        self.reply({})
        self.connection.recv(1, socket.MSG_PEEK)
        self.connection.shutdown(socket.SHUT_WR)
        time.sleep(0.05)
        self.close_connection = True

    def at_die(self, _: dict[str, str]) -> None:
        os._exit(7)

    def at_cut(self, _: dict[str, str]) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
        self.wfile.flush()
        os._exit(8)

    def at_garbage(self, _: dict[str, str]) -> None:
        self.wfile.write(b"this is no HTTP\r\n\r\n")
        self.close_connection = True

    def at_print(self, query: dict[str, str]) -> None:
        print(query["line"], file=sys.stderr if "stderr" in query else sys.stdout, flush=True)
        self.reply({})

    def at_long(self, query: dict[str, str]) -> None:
        sys.stdout.write("x" * int(query["size"]) + "\n")
        sys.stdout.flush()
        self.reply({})

    def at_seen(self, _: dict[str, str]) -> None:
        self.reply({"size": len(SEEN)})

    def at_release(self, _: dict[str, str]) -> None:
        RELEASED.set()
        self.reply({})

    def at_stream(self, _: dict[str, str]) -> None:
        """The first event at once, the second only after /release."""
        RELEASED.clear()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.chunk(b"data: first\n\n")
        RELEASED.wait(20)
        self.chunk(b"data: second\n\n")
        self.chunk(b"")

    def at_until_close(self, _: dict[str, str]) -> None:
        """An answer without a length, which ends with the connection, as HTTP/1.0 servers give."""
        self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\nuntil the end")
        self.close_connection = True

    def at_trailers(self, _: dict[str, str]) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        self.wfile.write(head + b"4\r\nbody\r\n0\r\nX-Sum: 4\r\n\r\n")

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def websocket(self) -> None:
        """Echo text frames of up to 125 bytes until a close frame comes."""
        accept = base64.b64encode(hashlib.sha1(self.headers["sec-websocket-key"].encode() + WEBSOCKET_KEY).digest())
        head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self.wfile.write(head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        while start := self.rfile.read(2):
            mask, data = self.rfile.read(4), self.rfile.read(start[1] & 0x7F)
            plain = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
            self.wfile.write(bytes([start[0], len(plain)]) + plain)
            if start[0] & 0x0F == 8:
                break
        self.close_connection = True

    def reply(self, document: object, status: int = 200) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


def leave(*_: object) -> None:
    sys.stdout.write("goodbye\n")
    sys.stdout.flush()
    os._exit(0)


def main() -> None:
    if "CRASH" in os.environ:
        sys.exit(int(os.environ["CRASH"]))
    if "ORPHAN" in os.environ and os.fork() == 0:
        os.setsid()
        signal.pause()
    if "DEAF" in os.environ:
        signal.pause()
    signal.signal(signal.SIGTERM, signal.SIG_IGN if "STUBBORN" in os.environ else leave)
    time.sleep(float(os.environ.get("START_SECONDS", "0")))
    port = 8080 if "FIXED_PORT" in os.environ else int(os.environ["PORT"])
    Server.address_family = socket.AF_INET
    Server(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
