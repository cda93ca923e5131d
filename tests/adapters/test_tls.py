"""Certificates that are not good are named, each in its own words; nothing but a declared exception takes them."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from netra_loop.adapters.tls import context, problem
from tests.certificate import certificate_of_localhost

DAY = timedelta(days=1)


@contextmanager
def speaking_tls(server: ssl.SSLContext) -> Iterator[int]:
    """A server that shakes hands and hangs up; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError), listener.accept()[0] as connection:
            server.wrap_socket(connection, server_side=True).close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    listener.close()
    thread.join(10)


def told(port: int, client: ssl.SSLContext, name: str) -> str:
    """What is wrong with a handshake."""
    try:
        with socket.create_connection(("127.0.0.1", port)) as plain, client.wrap_socket(plain, server_hostname=name):
            return ""
    except OSError as error:
        return problem(error)


def server_with(file: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(file)
    return made


def trusting(file: Path) -> ssl.SSLContext:
    made = ssl.create_default_context()
    made.load_verify_locations(file)
    return made


def test_h5_a_certificate_that_signed_itself_is_named_and_taken_only_where_declared(tmp_path: Path) -> None:
    server = server_with(certificate_of_localhost(tmp_path / "own.pem"))
    with speaking_tls(server) as port:
        assert told(port, context(insecure=False), "localhost") == "its certificate is signed by itself"
    with speaking_tls(server) as port:
        assert told(port, context(insecure=True), "localhost") == ""


def test_h5_an_expired_certificate_is_named(tmp_path: Path) -> None:
    file = certificate_of_localhost(tmp_path / "old.pem", until=datetime.now(UTC) - DAY)
    with speaking_tls(server_with(file)) as port:
        assert told(port, trusting(file), "localhost") == "its certificate has expired"


def test_h5_a_certificate_of_another_host_is_named(tmp_path: Path) -> None:
    file = certificate_of_localhost(tmp_path / "other.pem")
    with speaking_tls(server_with(file)) as port:
        assert told(port, trusting(file), "backend.example") == "its certificate is for another host"


def test_h5_an_old_protocol_is_named(tmp_path: Path) -> None:
    file = certificate_of_localhost(tmp_path / "own.pem")
    server = server_with(file)
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    client = trusting(file)
    client.minimum_version = ssl.TLSVersion.TLSv1_3
    with speaking_tls(server) as port:
        assert told(port, client, "localhost") == "it speaks no TLS that is safe today, or none at all"


def test_h5_who_speaks_no_tls_is_named() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with listener.accept()[0] as connection:
            connection.recv(1024)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    thread = threading.Thread(target=answer)
    thread.start()
    said = told(listener.getsockname()[1], context(insecure=False), "localhost")
    thread.join(10)
    listener.close()
    assert said == "it speaks no TLS that is safe today, or none at all"


def test_h5_today_nothing_older_than_tls_1_2_is_spoken() -> None:
    assert context(insecure=False).minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context(insecure=True).minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("error", [OSError("refused"), ValueError()])
def test_what_is_no_matter_of_tls_is_not_named(error: Exception) -> None:
    assert problem(error) == ""
