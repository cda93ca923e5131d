"""What the kernel tells of TCP sockets, asked directly and by the program that counts beside a suite."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from netra_loop_sockets import (
    Connection,
    DestroyedSockets,
    Ledger,
    live_connections,
    own_connections,
    socket_inodes_of_family,
)

from .suites import PLUGIN_FOLDER

Ends = tuple[socket.socket, socket.socket]

MACOS = "import runpy, sys; sys.platform = 'darwin'; runpy.run_module('netra_loop_sockets', run_name='__main__')"
ASK = "import socket, sys; c = socket.create_connection(('127.0.0.1', {port})); c.sendall(b'who'); c.recv(9); c.recv(1)"


@contextmanager
def _connected(family: int = socket.AF_INET, host: str = "127.0.0.1") -> Iterator[Ends]:
    """The two ends of a connection, client and server, over which nothing was sent yet."""
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket(family) as client:
        client.connect((host, listening.getsockname()[1]))
        server, _ = listening.accept()
        with server:
            yield client, server


def _of(client: socket.socket, found: list[Connection]) -> Connection:
    """The one of them that is this client."""
    name = client.getsockname()[1]
    (connection,) = [each for each in found if each.local[1] == name]
    return connection


@pytest.fixture
def destroyed() -> Iterator[DestroyedSockets]:
    listening = DestroyedSockets()
    yield listening
    with suppress(OSError):
        listening.close()


def test_a_freed_socket_tells_its_peer_and_its_bytes_without_the_fin(destroyed: DestroyedSockets) -> None:
    with _connected() as (client, server):
        client.sendall(b"who?")
        assert server.recv(100) == b"who?"
        server.sendall(b"me, of course")
        client.recv(100)
        server.close()
        assert client.recv(1) == b""
        expected = client.getpeername(), len("me, of course"), len("who?")
        port = client.getsockname()[1]
        client.close()
        found, complete = destroyed.told()

    (told,) = [each for each in found if each.local[1] == port]
    assert complete
    assert (told.peer, told.bytes_in, told.bytes_out) == expected
    assert told.min_rtt_us is not None


def test_a_socket_that_only_saw_its_peer_close_has_received_nothing(destroyed: DestroyedSockets) -> None:
    with _connected() as (client, server):
        port = client.getsockname()[1]
        server.close()
        assert client.recv(1) == b""
        assert _of(client, own_connections()).bytes_in == 0
        client.close()
        found, _ = destroyed.told()

    assert [each.bytes_in for each in found if each.local[1] == port] == [0]


def test_open_sockets_are_the_same_whether_the_process_looks_or_the_namespace_is_asked() -> None:
    with _connected() as (client, server):
        server.sendall(b"x" * 1000)
        client.recv(1000)
        mine, everybodys = _of(client, own_connections()), _of(client, live_connections())

    assert mine._replace(idle_ms=0) == everybodys._replace(idle_ms=0, inode=0)
    assert mine.bytes_in == 1000


def test_an_address_of_ipv4_in_the_clothes_of_ipv6_is_told_as_itself() -> None:
    with _connected(socket.AF_INET6, "::ffff:127.0.0.1") as (client, server):
        peer = server.getsockname()

        assert _of(client, own_connections()).peer == _of(client, live_connections()).peer == peer


def test_a_socket_is_found_again_by_its_inode_in_the_family_that_holds_it() -> None:
    with _connected() as (client, _):
        assert _of(client, live_connections()).inode in socket_inodes_of_family()


def test_lost_events_are_known_to_be_lost(destroyed: DestroyedSockets) -> None:
    destroyed._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)

    def loses() -> bool:
        for _ in range(100):
            socket.socket().close()
        return not destroyed.told()[1]

    assert any(loses() for _ in range(100))  # a busy kernel tells so late that we read along
    assert any(destroyed.told()[1] for _ in range(100))


def test_a_descriptor_that_somebody_closed_is_not_read_when_it_belongs_to_another(destroyed: DestroyedSockets) -> None:
    with _connected() as (client, server):
        server.sendall(b"for the client")
        os.dup2(client.fileno(), destroyed._socket.fileno())

        with pytest.raises(OSError, match="Bad file descriptor"):
            destroyed.told()
        assert client.recv(100) == b"for the client"


def _connection(bytes_in: int, bytes_out: int) -> Connection:
    return Connection(7, ("127.0.0.1", 40000), ("127.0.0.1", 80), bytes_in, bytes_out, idle_ms=0, min_rtt_us=None)


def test_every_byte_is_counted_once() -> None:
    ledger = Ledger()

    assert ledger.more(_connection(100, 10)) == (100, 10)
    assert ledger.more(_connection(150, 10)) == (50, 0)
    assert ledger.rest(_connection(149, 12)) == (0, 2)  # a freed socket is one byte short if there was no FIN
    assert ledger.more(_connection(5, 5)) == (5, 5)


@contextmanager
def _program(*start: str, target: str) -> Iterator[subprocess.Popen[str]]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(PLUGIN_FOLDER),
        "NETRA_LOOP_SOCKETS_TARGETS": json.dumps([target]),
    }
    command = [sys.executable, *start]
    with subprocess.Popen(command, env=environment, stdin=-1, stdout=-1, text=True) as process:
        yield process


def _totals(process: subprocess.Popen[str]) -> Any:
    """What it says once its standard input has ended."""
    told, _ = process.communicate(timeout=30)
    return json.loads(told)


def _said(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def test_the_program_counts_what_other_processes_exchange_with_a_target() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with _program("-m", "netra_loop_sockets", target=f"127.0.0.1:{port}") as program:
            assert _said(program) == {"ready": True, "available": True}
            for _ in range(2):
                with subprocess.Popen([sys.executable, "-c", ASK.format(port=port)]) as client:
                    answering, _ = listening.accept()
                    with answering:
                        assert answering.recv(9) == b"who"
                        answering.sendall(b"nobody")
                assert client.returncode == 0

            assert _totals(program) == {"bytes_in": 12, "bytes_out": 6, "others": [], "lost": False}


def test_the_program_counts_connections_that_stay_open_but_not_what_was_before_it() -> None:
    with _connected() as (client, server):
        server.sendall(b"before")
        client.recv(100)
        host, port = server.getsockname()
        with _program("-m", "netra_loop_sockets", target=f"{host}:{port}") as program:
            _said(program)
            client.sendall(b"now")
            server.sendall(b"nobody")
            client.recv(100)

            assert _totals(program) == {"bytes_in": 6, "bytes_out": 3, "others": [], "lost": False}


def test_the_program_says_where_the_kernel_does_not_tell() -> None:
    with _program("-c", MACOS, target="127.0.0.1:1") as program:
        assert _said(program) == {"ready": True, "available": False}
        assert _totals(program) == {"bytes_in": 0, "bytes_out": 0, "others": [], "lost": True}
