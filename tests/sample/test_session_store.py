"""What the sample session store promises to whoever speaks its lines."""

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from netra_loop.sample.session_store.store import LONGEST_LINE, Keys

from .service_process import Running, running

LIMIT_S = 30


class Line:
    """A connection that sends lines and reads their answers."""

    def __init__(self, store: Running) -> None:
        self._socket = socket.create_connection(("127.0.0.1", store.port), LIMIT_S)
        self._reader = self._socket.makefile("rb")

    def ask(self, text: bytes) -> Any:
        self._socket.sendall(text + b"\n")
        return self.answer()

    def answer(self) -> Any:
        """None at the end of the conversation."""
        line = self._reader.readline()
        return json.loads(line) if line else None

    def close(self) -> None:
        self._reader.close()
        self._socket.close()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running("session_store", tmp_path_factory.mktemp("store")) as started:
        yield started


@pytest.fixture
def line(store: Running) -> Iterator[Line]:
    opened = Line(store)
    yield opened
    opened.close()


def test_it_answers_a_ping(line: Line) -> None:
    assert line.ask(b'{"op": "ping"}') == {"ok": True}


def test_what_one_connection_sets_another_gets(line: Line, store: Running) -> None:
    assert line.ask(b'{"op": "set", "key": "k", "value": {"draft": [1, null]}}') == {"ok": True}
    other = Line(store)
    assert other.ask(b'{"op": "get", "key": "k"}') == {"ok": True, "value": {"draft": [1, None]}}
    other.close()


def test_what_was_never_set_is_null(line: Line) -> None:
    assert line.ask(b'{"op": "get", "key": "never set"}') == {"ok": True, "value": None}


@pytest.mark.parametrize(
    ("nonsense", "error"),
    [
        (b"{not json", "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b"[" * 50_000, "invalid_json"),
        (b"[]", "unknown_request"),
        (b'{"op": "drop"}', "unknown_request"),
        (b'{"op": "get", "key": 7}', "unknown_request"),
        (b'{"op": "set", "key": "k"}', "unknown_request"),
    ],
    ids=["broken", "no text", "endless nesting", "array", "unknown op", "key is a number", "no value"],
)
def test_nonsense_is_refused_and_the_conversation_goes_on(line: Line, nonsense: bytes, error: str) -> None:
    assert line.ask(nonsense) == {"ok": False, "error": error}
    assert line.ask(b'{"op": "ping"}') == {"ok": True}


def test_half_a_character_does_not_end_it(line: Line) -> None:
    assert line.ask(b'{"op": "set", "key": "half", "value": "\\ud800"}') == {"ok": True}
    assert line.ask(b'{"op": "get", "key": "half"}')["ok"] is True


def test_a_line_that_is_too_long_ends_the_conversation_and_not_the_store(line: Line, store: Running) -> None:
    assert line.ask(b'"' + b"x" * LONGEST_LINE) == {"ok": False, "error": "line_too_long"}
    assert line.answer() is None
    another = Line(store)
    assert another.ask(b'{"op": "ping"}') == {"ok": True}
    another.close()


def test_the_key_written_longest_ago_makes_room() -> None:
    keys = Keys(most=2)
    for key in ("a", "b", "a", "c"):
        keys.set(key, key.upper())
    assert [keys.get(key) for key in ("a", "b", "c")] == ["A", None, "C"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_with_a_connection_open(tmp_path: Path, number: signal.Signals) -> None:
    with running("session_store", tmp_path) as started:
        talking = Line(started)
        assert talking.ask(b'{"op": "ping"}') == {"ok": True}
        started.process.send_signal(number)
        assert started.process.wait(LIMIT_S) == 0
        talking.close()
