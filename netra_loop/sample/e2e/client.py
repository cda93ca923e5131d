"""How the suites talk to the backend: addresses from the environment, httpx and a blocking WebSocket.

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
from websockets.sync.client import ClientConnection, connect

AGENT_EVENTS = ["agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed"]
AGENT_ENDS = ("agent_completed", "agent_failed")

Event = dict[str, Any]


def timeout(name: str) -> float:
    """Seconds to wait, from the environment's table of timeouts."""
    return float(os.environ.get(f"NETRA_LOOP_TIMEOUT_{name}", "10"))


def password() -> str:
    return os.environ.get("NETRA_LOOP_PASSWORD", "staging-only")


@contextmanager
def open_http(tls: ssl.SSLContext) -> Iterator[httpx.Client]:
    url = os.environ["BACKEND_URL"]
    with httpx.Client(base_url=url, verify=tls, timeout=timeout("HTTP"), trust_env=False) as http:
        yield http


def log_in(http: httpx.Client, user: str) -> str:
    """A new token for the user; raises when the login is refused."""
    answer = http.post("/api/auth/login", json={"user": user, "password": password()})
    answer.raise_for_status()
    return str(answer.json()["token"])


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


@contextmanager
def open_socket(token: str | None = None) -> Iterator[Socket]:
    """A connection to the backend, authenticated in the query when a token is given."""
    query = f"?{urlencode({'token': token})}" if token is not None else ""
    url = f"{os.environ['BACKEND_WS_URL']}/ws{query}"
    limit = timeout("WEBSOCKET")
    with connect(url, open_timeout=limit, close_timeout=limit, proxy=None) as connection:
        yield Socket(connection)
