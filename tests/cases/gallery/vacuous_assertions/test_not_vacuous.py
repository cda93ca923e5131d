import json
import os
import time

import httpx
import jsonschema
from websockets.sync.client import connect

API = os.environ["API_URL"]


def items():
    return httpx.get(f"{API}/api/items", timeout=5)


def test_is_not_none():
    first = items().json().get("items")
    assert first is not None
    assert first[0]["name"] == "alpha"


def test_is_a_dictionary():
    body = items().json()
    assert isinstance(body, dict)
    assert set(body) == {"items", "total"}


def test_elapsed():
    start = time.monotonic()
    response = items()
    assert time.monotonic() - start < 30
    assert response.status_code == 200


def test_payload_comes_back():
    payload = {"name": f"item-{time.monotonic_ns()}"}
    response = httpx.post(f"{API}/api/items", json=payload, timeout=5)
    assert response.json()["name"] == payload["name"]


def test_length():
    assert len(items().json()["items"]) == 2


def test_only_a_schema():
    schema = {
        "type": "object",
        "required": ["items", "total"],
        "properties": {"items": {"type": "array", "minItems": 1}},
    }
    jsonschema.validate(items().json(), schema)


def test_number_of_pong():
    with connect(os.environ["API_WS_URL"] + "/ws", open_timeout=5) as socket:
        socket.send(json.dumps({"type": "ping", "n": 41}))
        assert json.loads(socket.recv(timeout=5)) == {"type": "pong", "n": 41}


def test_status_alone():
    assert items().status_code == 200
