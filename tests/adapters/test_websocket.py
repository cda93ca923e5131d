"""A WebSocket check against peers that are mute, wrong, noisy, gone or never let go."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import anyio
import pytest
from websockets.sync.server import ServerConnection

from netra_loop.adapters.address import Address
from netra_loop.adapters.websocket import MESSAGE_CAP, check_websocket, websocket_url
from netra_loop.core.outcome import Outcome
from netra_loop.core.seen import Result, WebSocketSeen
from netra_loop.core.target import Target, WebSocketCheck
from tests.adapters.servers import Running, answer, answering, dripping, nobody, request, silent, tcp, websocket

LONG = 20.0  # seconds of a deadline that is not to be reached
SHORT = 0.5  # seconds of a deadline that is

WELCOME = json.dumps({"type": "welcome"})
DONE = json.dumps({"type": "event", "payload": {"name": "agent_completed"}})


def look(url: str, deadline: float = LONG, **check: object) -> Result:
    declared = WebSocketCheck("/ws", deadline=deadline, **check)  # type: ignore[arg-type]
    return anyio.run(
        check_websocket, Target("backend", "backend", websocket=declared, local=True), Address(url, "backend-1")
    )


def look_for_all(url: str, deadline: float = LONG) -> Result:
    return look(
        url, deadline, first={"/type": "welcome"}, send='{"type": "start"}', event={"/payload/name": "agent_completed"}
    )


def seen(result: Result) -> WebSocketSeen:
    assert isinstance(result.seen, WebSocketSeen)
    return result.seen


def steps(result: Result) -> tuple[bool, bool, bool]:
    """Which of connect, first message and event were reached."""
    found = seen(result)
    return found.connect_s is not None, found.first_message_s is not None, found.event_s is not None


def polite(connection: ServerConnection) -> None:
    connection.send(WELCOME)
    assert json.loads(connection.recv()) == {"type": "start"}
    connection.send(DONE)
    until_closed(connection)


def until_closed(connection: ServerConnection) -> None:
    for _ in connection:
        pass


def test_a_peer_that_does_everything_passes_with_its_times() -> None:
    with websocket(polite) as url:
        result = look_for_all(url)

    assert (result.outcome, result.reasons, steps(result)) == (Outcome.PASSED, (), (True, True, True))
    assert (seen(result).target, seen(result).url) == ("backend", f"{websocket_url(url)}/ws")
    (evidence,) = result.evidence
    assert evidence.excerpt == DONE


@pytest.mark.parametrize(
    ("url", "expected"), [("http://host:80", "ws://host:80"), ("https://host", "wss://host")], ids=["plain", "TLS"]
)
def test_the_address_is_that_of_the_service(url: str, expected: str) -> None:
    assert websocket_url(url) == expected


def test_a_connection_alone_is_enough_where_nothing_more_is_declared() -> None:
    with websocket(until_closed) as url:
        result = look(url)

    assert (result.outcome, steps(result)) == (Outcome.PASSED, (True, False, False))


def test_an_event_is_waited_for_through_noise() -> None:
    def noisy(connection: ServerConnection) -> None:
        connection.send(WELCOME)
        connection.recv()
        for number in range(300):
            connection.send(json.dumps({"type": "event", "payload": {"name": "progress", "number": number}}))
        for noise in ("no JSON", "", "[]", "null", b"\x00\xff", "🌍" * 1000):
            connection.send(noise)
        connection.send(DONE)
        until_closed(connection)

    with websocket(noisy) as url:
        assert look_for_all(url).outcome is Outcome.PASSED


def test_the_first_message_is_not_the_event_though_it_looks_like_it() -> None:
    def once(connection: ServerConnection) -> None:
        connection.send(DONE)
        until_closed(connection)

    with websocket(once) as url:
        result = look(url, SHORT, first={"/type": "event"}, event={"/type": "event"})

    assert result.outcome is Outcome.FAILED
    assert steps(result) == (True, True, False)


def mute(connection: ServerConnection) -> None:
    until_closed(connection)


def mute_after_the_welcome(connection: ServerConnection) -> None:
    connection.send(WELCOME)
    until_closed(connection)


def chatters_without_end(connection: ServerConnection) -> None:
    connection.send(WELCOME)
    while True:
        connection.send('{"type": "progress"}')
        time.sleep(0.001)


def wrong_first(connection: ServerConnection) -> None:
    connection.send(json.dumps({"type": "error", "code": 7}))
    until_closed(connection)


def first_without_json(connection: ServerConnection) -> None:
    connection.send("hello")
    until_closed(connection)


def first_as_noise(connection: ServerConnection) -> None:
    connection.send(b"\xff\xfe")
    until_closed(connection)


def first_with_brackets(connection: ServerConnection) -> None:
    connection.send("[" * 100_000)
    until_closed(connection)


def closes_at_once(connection: ServerConnection) -> None:
    connection.close(1000, "bye")


def closes_with(code: int, reason: str) -> Callable[[ServerConnection], None]:
    def close(connection: ServerConnection) -> None:
        connection.send(WELCOME)
        connection.recv()
        connection.close(code, reason)

    return close


def breaks_off(connection: ServerConnection) -> None:
    connection.send(WELCOME)
    connection.socket.shutdown(socket.SHUT_RDWR)


def too_much(connection: ServerConnection) -> None:
    connection.send("x" * (MESSAGE_CAP + 1))
    until_closed(connection)


WRONG: dict[str, tuple[Callable[[ServerConnection], None], str, tuple[bool, bool, bool]]] = {
    "mute": (mute, r"nothing came in 0\.5 s while waiting for the first message", (True, False, False)),
    "mute after the welcome": (
        mute_after_the_welcome,
        r"nothing came in 0\.5 s while waiting for the event",
        (True, True, False),
    ),
    "noise without an end": (
        chatters_without_end,
        r"nothing came in 0\.5 s while waiting for the event",
        (True, True, False),
    ),
    "a wrong first message": (
        wrong_first,
        'first message: /type is "error", "welcome" was expected',
        (True, True, False),
    ),
    "a first message that is no JSON": (first_without_json, "first message: it is not JSON", (True, True, False)),
    "a first message that is no text": (first_as_noise, "first message: it is not JSON", (True, True, False)),
    "a first message that is deep": (first_with_brackets, "waiting for the first message: |first", (True, True, False)),
    "closed at once": (
        closes_at_once,
        r"waiting for the first message: closed by the peer with 1000 \(OK\) bye",
        (True, False, False),
    ),
    "closed with 1011": (
        closes_with(1011, "no store"),
        r"waiting for the event: closed by the peer with 1011 \(internal error\) no store",
        (True, True, False),
    ),
    "closed with 1008": (
        closes_with(1008, "policy"),
        r"waiting for the event: closed by the peer with 1008 \(policy violation\) policy",
        (True, True, False),
    ),
    "broken off": (
        breaks_off,
        r"(sending|waiting for the event): broken off without a close, which counts as 1006 \(abnormal closure\)",
        (True, True, False),
    ),
    "a message without bounds": (
        too_much,
        r"waiting for the first message: closed by us with 1009 \(message too big\)",
        (True, False, False),
    ),
}


@pytest.mark.parametrize(("talk", "reason", "reached"), WRONG.values(), ids=WRONG)
def test_h6_h7_a_peer_that_does_not_do_as_declared_has_failed_and_the_step_is_named(
    talk: Callable[[ServerConnection], None], reason: str, reached: tuple[bool, bool, bool]
) -> None:
    with websocket(talk) as url:
        before = time.monotonic()
        result = look_for_all(url, SHORT)
        took = time.monotonic() - before

    assert result.outcome is Outcome.FAILED
    (told,) = result.reasons
    assert re.match(reason, told), told
    assert steps(result) == reached
    assert took < SHORT + 6.0


@pytest.mark.parametrize("status", [400, 404, 503])
def test_a_handshake_that_is_refused_tells_its_status(status: int) -> None:
    with websocket(mute, status) as url:
        result = look_for_all(url)

    assert (result.outcome, steps(result)) == (Outcome.FAILED, (False, False, False))
    assert result.reasons == (f"connecting: InvalidStatus: server rejected WebSocket connection: HTTP {status}",)


@pytest.mark.parametrize("status", [401, 403])
def test_a_handshake_that_does_not_let_us_in_says_nothing_of_the_service(status: int) -> None:
    with websocket(mute, status) as url:
        result = look_for_all(url)

    assert result.outcome is Outcome.ERRORED
    assert result.reasons[0].startswith(
        f"backend: not let in: HTTP {status} (declare how it lets us in with 'auth: iam'"
    )


def test_a_service_that_nobody_runs_is_a_failure_at_once() -> None:
    with nobody() as server:
        result = look_for_all(server.url)

    assert result.outcome is Outcome.FAILED
    assert result.reasons[0].startswith("connecting: ConnectionRefusedError: ")


NO_HANDSHAKE = {
    "no answer": (silent, r"nothing came in 0\.5 s while connecting"),
    "a head that never ends": (
        lambda: dripping(b"HTTP/1.1 101 Switching Protocols\r\n", b"X"),
        r"nothing came in 0\.5 s while connecting",
    ),
    "a web page": (lambda: answering(answer("<html>")), "connecting: InvalidStatus: .*HTTP 200"),
    "what is no HTTP": (lambda: answering(b"220 mail ready\r\n"), "connecting: InvalidMessage: "),
    "a connection that is closed": (lambda: answering(b""), "connecting: "),
    "an upgrade that is none": (
        lambda: answering(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        "connecting: InvalidUpgrade: ",
    ),
}


@pytest.mark.parametrize(("start", "reason"), NO_HANDSHAKE.values(), ids=NO_HANDSHAKE)
def test_h7_a_service_that_speaks_no_websocket_has_failed(start: Callable[..., object], reason: str) -> None:
    with start() as server:  # type: ignore[attr-defined]
        result = look_for_all(server.url, SHORT)

    assert (result.outcome, steps(result)) == (Outcome.FAILED, (False, False, False))
    assert re.match(reason, result.reasons[0]), result.reasons


@contextmanager
def websocket_server(talk: Callable[[ServerConnection], None]) -> Iterator[Running]:
    with websocket(talk) as url:
        yield Running(url)


DEADLINES: dict[str, tuple[Callable[[], AbstractContextManager[Running]], dict[str, float], str]] = {
    "open_deadline": (silent, {"open_deadline": 0.2}, r"nothing came in 0\.2 s while connecting \(open_deadline\)"),
    "first_deadline": (
        lambda: websocket_server(mute),
        {"first_deadline": 0.2},
        r"nothing came in 0\.2 s while waiting for the first message \(first_deadline\)",
    ),
    "deadline": (
        lambda: websocket_server(chatters_without_end),
        {"deadline": 0.2},
        r"nothing came in 0\.2 s while waiting for the event \(deadline\)",
    ),
}


@pytest.mark.parametrize(("start", "limits", "reason"), DEADLINES.values(), ids=DEADLINES)
def test_h6_each_deadline_is_its_own_and_named(
    start: Callable[[], AbstractContextManager[Running]], limits: dict[str, float], reason: str
) -> None:
    with start() as server:
        result = look(server.url, first={"/type": "welcome"}, event={"/payload/name": "done"}, **limits)

    assert result.outcome is Outcome.FAILED
    assert re.fullmatch(reason, result.reasons[0])
    assert seen(result).cut_off == dict.fromkeys(limits, 1)


@pytest.mark.parametrize(("code", "tries"), [(1012, 2), (1013, 2), (1011, 1), (1001, 1)])
def test_h7_only_who_is_told_to_come_back_comes_back_and_once(code: int, tries: int) -> None:
    met: list[int] = []

    def turns_away(connection: ServerConnection) -> None:
        met.append(code)
        connection.close(code, "later")

    with websocket(turns_away) as url:
        result = look(url, first={"/type": "welcome"})

    assert len(met) == tries
    assert f"closed by the peer with {code} (" in result.reasons[0]


def test_h7_who_comes_back_may_be_let_in() -> None:
    met: list[int] = []

    def lets_in_the_second(connection: ServerConnection) -> None:
        met.append(1)
        if len(met) == 1:
            connection.close(1013, "later")
        else:
            polite(connection)

    with websocket(lets_in_the_second) as url:
        assert look_for_all(url).outcome is Outcome.PASSED


def test_many_connections_are_opened_side_by_side_and_counted() -> None:
    together = threading.Barrier(20)

    def meets_the_others(connection: ServerConnection) -> None:
        together.wait(10)
        polite(connection)

    with websocket(meets_the_others) as url:
        result = look(
            url,
            first={"/type": "welcome"},
            send='{"type": "start"}',
            event={"/payload/name": "agent_completed"},
            connections=20,
        )

    found = seen(result)
    assert (result.outcome, result.reasons) == (Outcome.PASSED, ())
    assert (found.connections, found.opened, found.greeted, found.answered) == (20, 20, 20, 20)
    assert found.connect_s is not None
    assert found.connect_p95_s is not None
    assert found.connect_s <= found.connect_p95_s


def test_one_connection_of_many_that_fails_is_enough_and_is_counted() -> None:
    met: list[int] = []

    def turns_every_fourth_away(connection: ServerConnection) -> None:
        met.append(1)
        if len(met) % 4 == 0:
            connection.close(1011, "full")
        else:
            polite(connection)

    with websocket(turns_every_fourth_away) as url:
        result = look(url, first={"/type": "welcome"}, send='{"type": "start"}', connections=8)

    assert result.outcome is Outcome.FAILED
    (reason,) = result.reasons
    told = "2 of 8: waiting for the first message: closed by the peer with 1011 (internal error) full"
    assert reason.startswith(told)
    assert (seen(result).opened, seen(result).greeted) == (8, 6)
    assert seen(result).cut_off == {}, "turned away is not cut off"


def test_a_redirect_is_not_followed() -> None:
    asked: list[object] = []
    with (
        websocket(lambda connection: asked.append(connection)) as other,
        answering(answer("", "302 Found", Location=f"{websocket_url(other)}/ws")) as server,
    ):
        result = look(server.url)

    assert result.outcome is Outcome.FAILED
    assert "HTTP 302" in result.reasons[0]
    assert asked == []


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with nobody() as proxy, websocket(polite) as url:
        for name in ("http_proxy", "https_proxy", "all_proxy", "socks_proxy"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.upper(), proxy.url)
        assert look_for_all(url).outcome is Outcome.PASSED


def frame(text: str) -> bytes:
    """One short text message as a server sends it."""
    assert len(text) < 126
    return bytes([0x81, len(text)]) + text.encode()


def never_lets_go(connection: socket.socket, running: Running) -> None:
    """Does everything that is declared, and then never answers the close."""
    key = re.search(r"sec-websocket-key: (\S+)", request(connection, running), re.IGNORECASE)
    assert key is not None
    accept = hashlib.sha1(f"{key[1]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
    head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    connection.sendall(f"{head}{base64.b64encode(accept).decode()}\r\n\r\n".encode() + frame(WELCOME))
    connection.recv(4096)
    connection.sendall(frame(DONE))
    running.over.wait(10)


def test_a_peer_that_did_everything_and_does_not_close_passes_all_the_same() -> None:
    with tcp(never_lets_go) as server:
        before = time.monotonic()
        result = look_for_all(server.url, deadline=2.0)
        took = time.monotonic() - before

    assert (result.outcome, result.reasons, steps(result)) == (Outcome.PASSED, (), (True, True, True))
    assert took < 8.0


def test_a_long_last_message_is_kept_in_part() -> None:
    def long(connection: ServerConnection) -> None:
        connection.send(json.dumps({"type": "welcome", "padding": "x" * 100_000}))
        until_closed(connection)

    with websocket(long) as url:
        (evidence,) = look(url, first={"/type": "welcome"}).evidence

    assert (len(evidence.excerpt), evidence.truncated) == (4096, True)
