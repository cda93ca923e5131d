"""How these tests talk to the services."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import jwt
from websockets.sync.client import ClientConnection, connect

from .service_process import Running
from .staging import KEY

LIMIT_S = 30

Message = dict[str, Any]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def someone() -> str:
    """A user nobody else is."""
    return f"somebody-{uuid4().hex[:8]}"


def sign(user: str, key: str = KEY, lifetime_s: int = 60) -> str:
    """A token as the auth service makes them, of a session of its own."""
    return jwt.encode({"sub": user, "sid": uuid4().hex, "exp": int(time.time()) + lifetime_s}, key, "HS256")


def call(backend: Running, method: str, path: str, token: str, **options: Any) -> httpx.Response:
    return httpx.request(method, backend.url + path, headers=bearer(token), trust_env=False, timeout=LIMIT_S, **options)


def open_session(backend: Running, user: str) -> str:
    """A token whose session is open."""
    token = sign(user)
    assert call(backend, "POST", "/api/sessions", token).status_code == 201
    return token


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@contextmanager
def open_socket(backend: Running, token: str | None = None) -> Iterator[ClientConnection]:
    """A connection whose greeting has been read, authenticated when a token is given."""
    query = f"?token={token}" if token else ""
    with connect(f"{backend.ws_url}/ws{query}", proxy=None) as socket:
        receive(socket)
        yield socket


def receive(socket: ClientConnection) -> Message:
    message = json.loads(socket.recv(LIMIT_S))
    assert isinstance(message, dict)
    return message


def ask(socket: ClientConnection, text: str | bytes) -> Message:
    socket.send(text)
    return receive(socket)


def say(socket: ClientConnection, **message: object) -> Message:
    return ask(socket, json.dumps(message))


def run_agent(socket: ClientConnection, prompt: str = "three short words") -> list[Message]:
    """Every event of one run, until its caller hears no more of it."""
    events = [say(socket, type="run_agent", agent="triage", prompt=prompt)]
    while events[-1]["type"] not in ("agent_completed", "agent_failed"):
        events.append(receive(socket))
    return events


def await_log(service: Running, **fields: object) -> Message:
    """The first line of the service's log with these fields, once it is there."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        for line in service.log_lines:
            if fields.items() <= line.items():
                return line
        time.sleep(0.02)
    raise AssertionError(f"no line with {fields} in\n{service.log.read_text()}")
