"""Small real servers on loopback that answer as they are told: badly."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from websockets.sync.server import ServerConnection, serve

Handler = Callable[[socket.socket], None]


@dataclass
class Running:
    """A server while it runs: its base URL, and what it was asked."""

    url: str
    asked: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def tcp(handle: Callable[[socket.socket, Running], None]) -> Iterator[Running]:
    """Every connection is handled in a thread of its own; at the end all of them are closed."""
    listener = socket.create_server(("127.0.0.1", 0))
    running = Running(f"http://127.0.0.1:{listener.getsockname()[1]}")
    threads: list[threading.Thread] = []

    def handled(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(10)
            handle(connection, running)

    def accept() -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            threads.append(threading.Thread(target=handled, args=(connection,)))
            threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield running
    finally:
        running.over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (acceptor, *threads):
            thread.join(10)
            assert not thread.is_alive()


def request(connection: socket.socket, running: Running) -> str:
    """The head of one request; its first line is written down."""
    head = b""
    while b"\r\n\r\n" not in head:
        chunk = connection.recv(65536)
        if not chunk:
            raise OSError("closed")
        head += chunk
    running.asked.append(head.decode("latin-1"))
    return head.decode("latin-1")


def answer(body: object = "", status: str = "200 OK", **headers: str) -> bytes:
    """One HTTP answer; what is no bytes is told as JSON, what is text as HTML."""
    content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    kind = "text/html" if isinstance(body, str) else "application/json"
    named = {"Content-Type": kind, "Content-Length": str(len(content)), "Connection": "close"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + content


def zipped(body: bytes, **headers: str) -> bytes:
    return answer(gzip.compress(body), Content_Encoding="gzip", **headers)


@contextmanager
def answering(*answers: bytes) -> Iterator[Running]:
    """One answer a connection, in this order; the last again and again."""
    counted = iter(answers)
    last = [answers[-1]]
    lock = threading.Lock()

    def handle(connection: socket.socket, running: Running) -> None:
        request(connection, running)
        with lock:
            told = next(counted, last[0])
        connection.sendall(told)

    with tcp(handle) as running:
        yield running


@contextmanager
def repeating(*answers: bytes) -> Iterator[Running]:
    """These answers in turn, without end."""

    def handle(connection: socket.socket, running: Running) -> None:
        request(connection, running)
        connection.sendall(answers[(len(running.asked) - 1) % len(answers)])

    with tcp(handle) as running:
        yield running


@contextmanager
def dripping(before: bytes, drop: bytes, every: float = 0.02) -> Iterator[Running]:
    """Something at once, then a drop at a time without end."""

    def handle(connection: socket.socket, running: Running) -> None:
        request(connection, running)
        connection.sendall(before)
        while not running.over.wait(every):
            connection.sendall(drop)

    with tcp(handle) as running:
        yield running


@contextmanager
def silent() -> Iterator[Running]:
    """Takes every connection and says nothing."""

    def handle(connection: socket.socket, running: Running) -> None:
        request(connection, running)
        running.over.wait(10)

    with tcp(handle) as running:
        yield running


@contextmanager
def nobody() -> Iterator[Running]:
    """A port that is taken, so that nobody else listens there, and refuses."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield Running(f"http://127.0.0.1:{taken.getsockname()[1]}")


@contextmanager
def websocket(talk: Callable[[ServerConnection], None], status: int = 101) -> Iterator[str]:
    """A WebSocket server as an http:// base URL; a status other than 101 refuses every handshake."""

    def refuse(connection: ServerConnection, asked: object) -> object:
        return None if status == 101 else connection.respond(status, "no\n")

    with serve(talk, "127.0.0.1", 0, process_request=refuse, close_timeout=1) as server:  # type: ignore[arg-type]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join(10)
