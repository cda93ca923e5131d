"""How the suites talk to the platform: addresses from the environment, httpx and a blocking WebSocket.

Nothing here asserts: what an answer must say is written in the tests. No proxy is used, because the sample lives on
loopback.
"""

import json
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import httpx
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

AGENT_EVENTS = ["agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed"]
AGENT_ENDS = ("agent_completed", "agent_failed")

Event = dict[str, Any]


class Refused(Exception):
    """The platform said no; the text is its answer in brief, such as "401 token_expired"."""


def timeout(name: str, otherwise: str = "10") -> float:
    """Seconds to wait, from the environment's table of timeouts."""
    return float(os.environ.get(f"NETRA_LOOP_TIMEOUT_{name}", otherwise))


def login_url() -> str:
    return f"{os.environ['AUTH_URL']}/api/auth/login"


def frontend_url(path: str) -> str:
    return os.environ["FRONTEND_URL"] + path


@contextmanager
def open_http(tls: ssl.SSLContext) -> Iterator[httpx.Client]:
    """A client for which a bare path is one of the backend's."""
    url = os.environ["BACKEND_URL"]
    with httpx.Client(base_url=url, verify=tls, timeout=timeout("HTTP"), trust_env=False) as http:
        yield http


def brief(answer: httpx.Response) -> str:
    """The status, and after it the code of a refusal: "200" or "401 token_expired"."""
    return " ".join(filter(None, (str(answer.status_code), error_code(answer.content))))


def error_code(body: bytes | bytearray) -> str:
    """The code in a body that tells of an error; empty when it tells of none."""
    try:
        return str(json.loads(body)["error"]["code"])
    except (ValueError, LookupError, TypeError):
        return ""


def log_in(http: httpx.Client, user: str) -> str:
    """A new token for the user, its session open at the backend; raises Refused when either says no."""
    password = os.environ.get("NETRA_LOOP_PASSWORD", "staging-only")
    token = str(accepted(http.post(login_url(), json={"user": user, "password": password})).json()["token"])
    accepted(http.post("/api/sessions", headers=bearer(token)))
    return token


def accepted(answer: httpx.Response) -> httpx.Response:
    if not answer.is_success:
        raise Refused(f"{brief(answer)} from {answer.request.method} {answer.request.url}")
    return answer


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class Socket:
    """One WebSocket connection that speaks JSON."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    @property
    def handshake_headers(self) -> dict[str, str]:
        response = self.connection.response
        return {name.lower(): value for name, value in response.headers.raw_items()} if response else {}

    def send(self, **message: object) -> None:
        self.connection.send(json.dumps(message))

    def receive(self) -> Event:
        event = json.loads(self.connection.recv(timeout("WEBSOCKET")))
        if not isinstance(event, dict):
            raise TypeError(f"expected a JSON object, received {event!r}")
        return event

    def ask(self, **message: object) -> Event:
        self.send(**message)
        return self.receive()

    def run_agent(self, agent: str, prompt: str) -> list[Event]:
        """Every event of one run, until the run has ended."""
        events = [self.ask(type="run_agent", agent=agent, prompt=prompt)]
        while events[-1]["type"] not in (*AGENT_ENDS, "error"):
            events.append(self.receive())
        return events

    def receive_runs(self, count: int) -> dict[str, list[Event]]:
        """Every event by its run, until so many runs have ended."""
        runs: dict[str, list[Event]] = {}
        while sum(event["type"] in AGENT_ENDS for events in runs.values() for event in events) < count:
            event = self.receive()
            runs.setdefault(event["run_id"], []).append(event)
        return runs


@contextmanager
def open_socket(token: str | None = None) -> Iterator[Socket]:
    """A connection to the backend, authenticated in the query when a token is given; raises Refused when that fails."""
    query = f"?{urlencode({'token': token})}" if token is not None else ""
    with handshake(f"{os.environ['BACKEND_WS_URL']}/ws{query}") as connection:
        yield Socket(connection)


def handshake(url: str) -> ClientConnection:
    limit = timeout("WEBSOCKET")
    try:
        return connect(url, open_timeout=limit, close_timeout=limit, proxy=None)
    except InvalidStatus as refusal:
        answer = refusal.response
        raise Refused(f"{answer.status_code} {error_code(answer.body)} from the WebSocket handshake") from None
