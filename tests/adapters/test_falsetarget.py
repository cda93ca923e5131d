"""The false targets, asked by real clients: nobody is there, or every answer is well formed and wrong."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import grpc  # type: ignore[import-untyped]
import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from websockets.exceptions import ConnectionClosedOK
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from netra_loop.adapters.falsetarget import FalseTargets, false_targets
from netra_loop.adapters.falsetarget.http2 import PREFACE
from netra_loop.adapters.falsetarget.nonsense import NONSENSE

WRONG = json.loads(NONSENSE)


@pytest.fixture(scope="module")
def targets() -> Iterator[FalseTargets]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(false_targets()) as found:
        yield found


@pytest.fixture
def http(targets: FalseTargets) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{targets.sabotaged}", trust_env=False) as client:
        yield client


@dataclass(frozen=True)
class Raw:
    """A connection that says exactly what it is told to."""

    socket: socket.socket

    def ask(self, data: bytes, count: int) -> bytes:
        """Send, and read until so many bytes have come, or no more will."""
        self.socket.sendall(data)
        return self.read(count)

    def read(self, count: int) -> bytes:
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while len(got) < count and (more := self.socket.recv(count - len(got))):
                got += more
        return got


@pytest.fixture
def raw(targets: FalseTargets) -> Iterator[Raw]:
    host, port = targets.sabotaged.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        yield Raw(connection)


def test_the_dead_target_refuses(targets: FalseTargets) -> None:
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{targets.dead}/", trust_env=False)


def test_nobody_else_gets_the_port_of_the_dead_target(targets: FalseTargets) -> None:
    host, port = targets.dead.split(":")
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((host, int(port)))


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/health", "/api/items?limit=3"])
def test_every_path_and_method_gets_a_503_with_wrong_json(http: httpx.Client, method: str, path: str) -> None:
    answer = http.request(method, path)

    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (503, "application/json", WRONG)


def test_a_head_request_gets_a_head(http: httpx.Client) -> None:
    answer = http.head("/health")

    assert (answer.status_code, answer.headers["content-length"], answer.content) == (503, str(len(NONSENSE)), b"")


def test_a_connection_is_kept_alive(raw: Raw) -> None:
    request = b"GET /a HTTP/1.1\r\nHost: target\r\n\r\n"
    first = raw.ask(request, 1)
    first += raw.read(len(raw.socket.recv(65536, socket.MSG_PEEK)))
    second = raw.ask(request, len(first))

    assert first == second
    assert first.startswith(b"HTTP/1.1 503 ")


def test_a_large_body_is_read_to_its_end(http: httpx.Client) -> None:
    answers = [http.post("/upload", content=b"x" * 20_000_000), http.post("/upload", content=iter([b"x" * 100_000]))]

    assert [answer.status_code for answer in answers] == [503, 503]


def test_a_client_that_asks_before_it_sends_its_body_is_told_to_go_on(raw: Raw) -> None:
    head = b"PUT / HTTP/1.1\r\nHost: target\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"

    assert raw.ask(head, 12) == b"HTTP/1.1 100"


def test_as_a_proxy_it_answers_itself(targets: FalseTargets) -> None:
    with httpx.Client(proxy=f"http://{targets.sabotaged}", trust_env=False) as client:
        answer = client.get("http://staging.invalid/health")
        assert (answer.status_code, answer.json()) == (503, WRONG)
        with pytest.raises(httpx.ProxyError, match="503"):
            client.get("https://staging.invalid/health")


def test_a_websocket_opens_and_tells_nonsense_unasked_and_asked(targets: FalseTargets) -> None:
    with connect(f"ws://{targets.sabotaged}/ws?token=t", proxy=None) as connection:
        unasked = connection.recv(20)
        connection.send('{"type": "ping"}')
        after_text = connection.recv(20)
        connection.send(b"\x00\x01")
        after_bytes = connection.recv(20)

    assert [json.loads(message) for message in (unasked, after_text, after_bytes)] == [WRONG, WRONG, WRONG]


def test_a_websocket_gets_the_subprotocol_it_wants(targets: FalseTargets) -> None:
    with connect(f"ws://{targets.sabotaged}", subprotocols=[Subprotocol("graphql-ws")], proxy=None) as connection:
        assert connection.subprotocol == "graphql-ws"


def test_a_client_that_only_waits_is_taken_leave_of(targets: FalseTargets) -> None:
    with connect(f"ws://{targets.sabotaged}", proxy=None) as connection:
        connection.recv(20)
        with pytest.raises(ConnectionClosedOK):
            connection.recv(20)


@pytest.mark.parametrize("request_size", [10, 200_000])
def test_a_grpc_call_is_unavailable(targets: FalseTargets, request_size: int) -> None:
    with grpc.insecure_channel(targets.sabotaged, options=[("grpc.enable_http_proxy", 0)]) as channel:
        call = channel.unary_unary("/shop.Orders/Get")
        for _ in range(2):
            with pytest.raises(grpc.RpcError) as refused:
                call(b"x" * request_size, timeout=20)
            assert (refused.value.code(), refused.value.details()) == (grpc.StatusCode.UNAVAILABLE, "sabotaged")


def test_the_preface_of_http_2_is_answered_with_settings(raw: Raw) -> None:
    assert raw.ask(PREFACE + b"\0\0\0\4\0\0\0\0\0", 9) == b"\0\0\0\4\0\0\0\0\0"


def test_every_command_of_redis_gets_an_error(raw: Raw) -> None:
    get, big = (
        b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$300000\r\n" + b"v" * 300_000 + b"\r\n",
    )

    assert raw.ask(get + big + get, 48) == b"-ERR sabotaged\r\n" * 3


UNKNOWN = {
    "postgres": b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
    "a database of another kind": b"\x3a\x00\x00\x00\xa7\x41\x00\x00",
    "text": b"hello there\r\n",
}


@pytest.mark.parametrize("first", UNKNOWN.values(), ids=UNKNOWN)
def test_who_speaks_something_else_gets_garbage_and_the_end(raw: Raw, first: bytes) -> None:
    assert raw.ask(first, 1000) == NONSENSE


ENDED_WITHOUT_A_WORD = {
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00",
    "no HTTP after all": b"GET is what I want\r\n\r\n",
    "a head without end": b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 200_000,
    "Redis with a length that is none": b"*1\r\n$many\r\n",
    "a Redis line without end": b"*1" * 100_000,
    "a frame of HTTP/2 that is too long": PREFACE + b"\xff\xff\xff\0\0\0\0\0\1",
}


@pytest.mark.parametrize("first", ENDED_WITHOUT_A_WORD.values(), ids=ENDED_WITHOUT_A_WORD)
def test_what_nobody_understands_ends_the_connection(raw: Raw, http: httpx.Client, first: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        raw.socket.sendall(first)

    assert NONSENSE not in raw.read(1000)
    assert http.get("/").status_code == 503


def test_a_client_that_says_nothing_is_let_go(raw: Raw) -> None:
    assert raw.read(1) == b""


def test_many_clients_are_served_at_once(targets: FalseTargets) -> None:
    host, port = targets.sabotaged.split(":")
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_connection((host, int(port)), timeout=20)) for _ in range(200)]
        answers = {Raw(each).ask(b"GET / HTTP/1.1\r\nHost: target\r\n\r\n", 12) for each in reversed(sockets)}

    assert answers == {b"HTTP/1.1 503"}
