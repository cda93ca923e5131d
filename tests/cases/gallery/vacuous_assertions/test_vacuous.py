import json
import os
import time

import httpx
import requests
from websockets.sync.client import connect

API = os.environ["API_URL"]


def items():
    return httpx.get(f"{API}/api/items", timeout=5)


def test_is_not_none():
    assert items().json() is not None


def test_is_a_dictionary():
    assert isinstance(items().json(), dict)


def test_status_is_a_number():
    assert isinstance(items().status_code, int)


def test_status_in_range():
    assert 100 <= items().status_code < 600


def test_length_is_not_negative():
    assert len(items().content) >= 0


def test_request_payload():
    payload = {"name": "gamma", "price": 7}
    response = httpx.post(f"{API}/api/items", json=payload, timeout=5)
    assert json.loads(response.request.content)["name"] == "gamma"


def test_elapsed():
    start = time.perf_counter()
    response = items()
    assert response.elapsed.total_seconds() <= time.perf_counter() - start


def test_tuple():
    response = items()
    assert (response.status_code == 204, "no content is expected")


def test_or_true():
    body = items().json()
    assert body.get("next") == 2 or "items" in body or True


def test_default_of_a_missing_key():
    body = items().json()
    assert body.get("errors", []) == []


def test_answer_equals_itself():
    response = items()
    assert response.json() == json.loads(response.text)


def test_status_text():
    assert requests.get(f"{API}/api/items", timeout=5).reason


def test_headers_are_there():
    assert len(items().headers) > 0


def test_message_came():
    with connect(os.environ["API_WS_URL"] + "/ws", open_timeout=5) as socket:
        socket.send(json.dumps({"type": "ping", "n": 1}))
        message = socket.recv(timeout=5)
    assert message


def test_constant_after_the_answer():
    items()
    assert True


def test_no_assertion():
    print(items().status_code)


def test_asserts_before_it_asks():
    assert API.startswith("http")
    items()


def test_url_of_the_answer():
    assert items().url.path == "/api/items"
