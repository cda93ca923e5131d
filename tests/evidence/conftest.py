"""Small real servers on loopback, and suites to run against them."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from websockets.sync.server import ServerConnection, serve

from tests.certificate import certificate_of_localhost

from .suites import Suite, Told


@dataclass(frozen=True)
class Servers:
    """Where the suites under test find whom, as ``host:port``; nobody listens at ``closed``.

    The HTTP servers answer every GET with the same 40 bytes.
    """

    target: str
    encrypted: str
    websocket: str
    closed: str
    decoy: str

    @property
    def targets(self) -> list[str]:
        return [self.target, self.encrypted, self.websocket, self.closed]

    @property
    def env(self) -> dict[str, str]:
        return {name.upper(): address for name, address in asdict(self).items()}


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response_only(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args: object) -> None:
        """Nobody reads it."""


@contextmanager
def _http_server(encryption: ssl.SSLContext | None = None) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answer) as server:
        server.daemon_threads = True
        if encryption is not None:
            server.socket = encryption.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def _echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


@contextmanager
def _websocket_server() -> Iterator[str]:
    with serve(_echo, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.socket.getsockname()[1]}"


@contextmanager
def _closed_port() -> Iterator[str]:
    """A port that is taken, so that nobody else listens there, and refuses."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate_of_localhost(tmp_path_factory.mktemp("certificate") / "localhost.pem")


@pytest.fixture(scope="session")
def servers(certificate: Path) -> Iterator[Servers]:
    encryption = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    encryption.load_cert_chain(certificate)
    with ExitStack() as stack:
        yield Servers(
            target=stack.enter_context(_http_server()),
            encrypted=stack.enter_context(_http_server(encryption)),
            websocket=stack.enter_context(_websocket_server()),
            closed=stack.enter_context(_closed_port()),
            decoy=stack.enter_context(_http_server()),
        )


@pytest.fixture(scope="session")
def compiled(compiled: Path) -> Path:
    """A folder apart from that of whole sessions: some suites here turn the assertion hook off."""
    folder = compiled.with_name("compiled-for-evidence")
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def suite(tmp_path: Path, compiled: Path) -> Suite:
    return Suite(tmp_path / "project", compiled)


@pytest.fixture
def told(suite: Suite, servers: Servers) -> Callable[..., Told]:
    """Write one file of tests and run it against the servers."""

    def run(source: str, *args: str, env: dict[str, str] | None = None) -> Told:
        suite.write("test_it.py", source)
        return suite.run(*args, targets=servers.targets, env={**servers.env, **(env or {})})

    return run
