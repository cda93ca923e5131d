import json
import os

import httpx
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from websockets.sync.client import connect


def test_agent_sends_five_events():
    with connect(os.environ["API_WS_URL"] + "/ws", open_timeout=5) as socket:
        socket.send(json.dumps({"type": "run_agent", "thread": "t-2"}))
        events = [json.loads(socket.recv(timeout=5)) for _ in range(5)]
    assert [event["type"] for event in events] == [
        "agent_started",
        "agent_thinking",
        "tool_executing",
        "tool_completed",
        "agent_completed",
    ]
    assert {event["thread"] for event in events} == {"t-2"}


def test_items():
    found = httpx.get(os.environ["API_URL"] + "/api/items", timeout=5).json()["items"]
    assert [item["name"] for item in found] == ["alpha", "beta"]


def test_cache():
    host, _, port = os.environ["CACHE_ADDRESS"].partition(":")
    store = redis.Redis(host, int(port), socket_timeout=5, retry=Retry(NoBackoff(), 0))
    store.set("real", "17")
    assert store.get("real") == b"17"
    store.close()


def test_fallback_is_reported():
    base = os.environ["API_URL"]
    response = httpx.get(f"{base}/api/v2/items", timeout=5)
    if response.status_code == 404:
        response = httpx.get(f"{base}/api/items", timeout=5)
    assert response.status_code == 200
    assert response.json()["total"] == 2
