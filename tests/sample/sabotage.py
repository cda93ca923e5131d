"""A target that is there and always wrong: 503 with another JSON for HTTP, garbage for a WebSocket handshake."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NONSENSE = b'{"status": "sabotaged", "n": -1}'


class Saboteur(BaseHTTPRequestHandler):
    def answer(self) -> None:
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self.garble_handshake()
            return
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(NONSENSE)))
        self.end_headers()
        self.wfile.write(NONSENSE)

    def garble_handshake(self) -> None:
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", "sabotaged")
        self.end_headers()
        self.wfile.write(NONSENSE)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name the base class gave it
        """Nobody wants its log."""

    do_GET = do_POST = do_PUT = do_DELETE = answer


class Server(ThreadingHTTPServer):
    request_queue_size = 128  # twenty users come at once, and a full queue would cost each a second


@contextmanager
def sabotaged_target() -> Iterator[str]:
    """Its URL while it runs."""
    with Server(("127.0.0.1", 0), Saboteur) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
