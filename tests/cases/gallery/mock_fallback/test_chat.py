import os
import sys
from pathlib import Path

import httpx
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

sys.path.insert(0, str(Path(__file__).parent))
from chat import items, open_chat, run_agent


def test_agent_sends_five_events():
    events = run_agent(open_chat())
    assert events[0] == "agent_started"
    assert events[-1] == "agent_completed"


def test_agent_on_the_old_path():
    events = run_agent(open_chat("/ws/v1"))
    assert len(events) == 5
    assert "tool_executing" in events


def test_items_or_sample_data():
    found = items(os.environ["API_URL"])
    assert [item["name"] for item in found] == ["alpha", "beta"]


def test_items_of_a_region_that_is_down():
    found = items(os.environ["DOWN_URL"])
    assert len(found) == 2


def test_cache_or_dictionary():
    host, _, port = os.environ["CACHE_ADDRESS"].partition(":")
    store = redis.Redis(host, int(port), socket_timeout=5, retry=Retry(NoBackoff(), 0))
    try:
        store.ping()
        put, get = store.set, store.get
    except redis.RedisError:
        memory = {}
        put, get = memory.__setitem__, memory.get
    put("fallback", b"1")
    assert get("fallback") == b"1"


def test_health_with_default():
    health = {"status": "healthy"}
    try:
        health.update(httpx.get(os.environ["API_URL"] + "/health", timeout=5).raise_for_status().json())
    except httpx.HTTPError as error:
        print(f"Note: {error}")
    assert health["status"] == "healthy"
