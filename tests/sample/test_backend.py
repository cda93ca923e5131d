"""What the sample backend promises beyond what its own suites check."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from netra_loop.sample.backend.app.health import Dependency, examine

from .backend_process import Backend, running_backend
from .conftest import SECRET

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def http(backend: Backend) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=backend.url, trust_env=False) as client:
        yield client


def log_in(backend: Backend, **headers: str) -> str:
    body = {"user": "somebody", "password": "staging-only"}
    answer = httpx.post(f"{backend.url}/api/auth/login", json=body, headers=headers, trust_env=False)
    return str(answer.json()["token"])


@contextmanager
def open_socket(backend: Backend) -> Iterator[ClientConnection]:
    """A logged-in connection whose greeting has been read."""
    with connect(f"{backend.ws_url}/ws?token={log_in(backend)}", proxy=None) as socket:
        receive(socket)
        yield socket


def receive(socket: ClientConnection) -> dict[str, Any]:
    message = json.loads(socket.recv(5))
    assert isinstance(message, dict)
    return message


def ask(socket: ClientConnection, text: str | bytes) -> dict[str, Any]:
    socket.send(text)
    return receive(socket)


def log_lines(backend: Backend) -> list[dict[str, Any]]:
    return [json.loads(line) for line in backend.log.read_text().splitlines()]


RUN_AGENT = json.dumps({"type": "run_agent", "agent": "triage", "prompt": "three short words"})


def test_wrong_password_is_unauthorized(http: httpx.Client) -> None:
    answer = http.post("/api/auth/login", json={"user": "somebody", "password": "wrong"})
    assert answer.status_code == 401
    assert answer.json() == {
        "error": {"status": 401, "code": "credentials_rejected", "message": "user or password is wrong"}
    }


def test_expired_token_says_so(http: httpx.Client) -> None:
    token = jwt.encode({"sub": "somebody", "sid": "s", "exp": int(time.time()) - 1}, SECRET, "HS256")
    answer = http.get("/api/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "token_expired"


def test_unsigned_token_is_refused(http: httpx.Client) -> None:
    token = jwt.encode({"sub": "somebody", "sid": "s", "exp": int(time.time()) + 60}, "", "none")
    answer = http.get("/api/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["error"]["code"] == "token_invalid"


def test_wrong_method_lists_the_allowed_ones(http: httpx.Client) -> None:
    answer = http.delete("/api/threads")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


def test_every_answer_names_the_revision(backend: Backend, http: httpx.Client) -> None:
    answers = [http.get("/"), http.get("/missing"), http.delete("/health"), http.get("/api/me")]
    assert {answer.headers["x-revision"] for answer in answers} == {"backend-00001-abc"}
    with pytest.raises(InvalidStatus) as refusal, connect(f"{backend.ws_url}/ws?token=wrong", proxy=None):
        pass
    assert refusal.value.response.headers["x-revision"] == "backend-00001-abc"


def test_agent_slower_than_its_timeout_fails_and_the_connection_stays(hasty_backend: Backend) -> None:
    with open_socket(hasty_backend) as socket:
        events = [ask(socket, RUN_AGENT)]
        while events[-1]["type"] not in ("agent_completed", "agent_failed"):
            events.append(receive(socket))
        assert [event["type"] for event in events] == ["agent_started", "agent_thinking", "agent_failed"]
        assert (events[-1]["reason"], events[-1]["timeout_s"]) == ("timeout", 0.2)
        assert ask(socket, '{"type": "ping"}')["type"] == "pong"
    logged = [line for line in log_lines(hasty_backend) if line.get("run_id") == events[0]["run_id"]]
    assert [(line["severity"], line["message"]) for line in logged] == [("ERROR", "agent timed out")]


def test_ping_is_answered_while_an_agent_works(hasty_backend: Backend) -> None:
    with open_socket(hasty_backend) as socket:
        socket.send(RUN_AGENT)
        socket.send('{"type": "ping", "id": 1}')
        types = [receive(socket)["type"] for _ in range(4)]
    assert sorted(types[:3]) == ["agent_started", "agent_thinking", "pong"]
    assert types[3] == "agent_failed"


@pytest.mark.parametrize(
    ("nonsense", "code"),
    [
        ("", "invalid_json"),
        ("[" * 100_000, "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        ('{"type": "ping", "id": "\\ud800"}', "invalid_json"),
        ('{"type": "ping", "id": NaN}', "invalid_json"),
        ("[]", "not_an_object"),
        ("{}", "unknown_type"),
        ('{"type": {}}', "unknown_type"),
        ('{"type": "run_agent", "agent": ["triage"]}', "invalid_field"),
        ('{"type": "run_agent", "agent": "triage", "prompt": " "}', "invalid_field"),
        ('{"type": "authenticate", "token": "wrong"}', "token_invalid"),
    ],
    ids=[
        "empty frame",
        "endless nesting",
        "bytes that are no text",
        "half a character",
        "not a number",
        "array",
        "no type",
        "type is an object",
        "agent is an array",
        "blank prompt",
        "wrong token",
    ],
)
def test_nonsense_is_answered_and_the_connection_stays(backend: Backend, nonsense: str | bytes, code: str) -> None:
    with open_socket(backend) as socket:
        answer = ask(socket, nonsense)
        assert (answer["type"], answer["code"]) == ("error", code)
        assert ask(socket, '{"type": "ping", "id": 7}') == {"type": "pong", "id": 7}


def test_log_lines_carry_the_trace_of_their_request(backend: Backend) -> None:
    log_in(backend, traceparent=f"00-{TRACE}-b7ad6b7169203331-01")
    trace = f"projects/sample-project/traces/{TRACE}"
    traced = [line for line in log_lines(backend) if line.pop("logging.googleapis.com/trace", None) == trace]
    assert traced == [{"severity": "INFO", "message": "login accepted", "user": "somebody"}]


def test_agent_completion_is_logged_with_its_duration(backend: Backend) -> None:
    with open_socket(backend) as socket:
        run = ask(socket, RUN_AGENT)["run_id"]
        while receive(socket)["type"] != "agent_completed":
            pass
    logged = [line for line in log_lines(backend) if line.get("run_id") == run]
    assert [(line["severity"], line["message"]) for line in logged] == [("INFO", "agent completed")]
    assert logged[0]["duration_ms"] >= 50, "the default latency"


def test_a_dependency_that_does_not_answer_degrades_the_service() -> None:
    async def refuse() -> None:
        raise ConnectionRefusedError

    async def reply() -> None:
        return None

    dependencies = [Dependency("sessions", required=True, ping=reply), Dependency("cache", required=False, ping=refuse)]
    status, found = asyncio.run(examine(dependencies))
    assert status == "degraded"
    assert found == {
        "sessions": {"status": "connected", "required": True},
        "cache": {"status": "failed", "required": False},
    }


def test_open_connections_do_not_keep_it_from_stopping(tmp_path: Path) -> None:
    with running_backend(tmp_path, AGENT_LATENCY="30", AGENT_TIMEOUT="60") as backend, open_socket(backend) as socket:
        assert ask(socket, RUN_AGENT)["type"] == "agent_started"
        backend.stop()
        assert backend.process.poll() is not None
