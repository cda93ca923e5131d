import hashlib
import json
import os
import re
from contextlib import contextmanager

import httpx
import pytest
import requests

API = os.environ["API_URL"]


def get(path):
    return httpx.get(API + path, timeout=5)


def test_raise_for_status():
    get("/api/items").raise_for_status()


def test_raise_for_status_of_requests():
    requests.get(f"{API}/health", timeout=5).raise_for_status()


def test_raises_an_assertion_error():
    status = get("/api/items").status_code
    if status != 200:
        raise AssertionError(f"items answered {status}")


def test_calls_fail():
    if get("/health").json().get("status") != "healthy":
        pytest.fail("not healthy")


def expect_total(body, total):
    assert body["total"] == total


def expect_items(names):
    body = get("/api/items").json()
    expect_total(body, len(names))
    assert [item["name"] for item in body["items"]] == names


def test_helper_asserts():
    expect_total(get("/api/items").json(), 2)


def test_helper_of_a_helper():
    expect_items(["alpha", "beta"])


class Expectation:
    def __init__(self, value):
        self.value = value

    def to_equal(self, other):
        if self.value != other:
            raise ValueError(f"{self.value!r} is not {other!r}")


def test_fluent_expectation():
    Expectation(get("/api/items/2").json().get("name")).to_equal("beta")


def test_key_error_is_enough():
    print(get("/api/items").json()["items"][1]["price"])


@pytest.mark.parametrize(("number", "name"), [(1, "alpha"), (2, "beta")])
def test_each_item(number, name):
    assert get(f"/api/items/{number}").json()["name"] == name


def test_server_sent_events():
    events = []
    with httpx.stream("GET", f"{API}/api/events", timeout=5) as response:
        for line in response.iter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                events.append(value)
    assert len(events) == 5
    assert events[-1] == "agent_completed"


def test_lines_as_they_come():
    with requests.get(f"{API}/api/lines", stream=True, timeout=5) as response:
        numbers = [json.loads(line)["n"] for line in response.iter_lines()]
    assert numbers == list(range(5))


def test_large_answer():
    body = get("/api/large").content
    assert len(body) == 300_000
    assert hashlib.sha256(body).hexdigest() == hashlib.sha256(b"0123456789" * 30_000).hexdigest()


def test_large_upload():
    body = os.urandom(200_000)
    told = httpx.post(f"{API}/api/upload", content=body, timeout=5).json()
    assert told == {"bytes": 200_000, "sha256": hashlib.sha256(body).hexdigest()}


def test_approximately():
    prices = [item["price"] for item in get("/api/items").json()["items"]]
    assert sum(prices) / len(prices) == pytest.approx(17.5)


def test_matches():
    assert re.fullmatch(r"api-\d{5}", get("/health").json()["revision"])


def test_one_assert_for_all():
    items = get("/api/items").json()["items"]
    assert items and all(item["price"] > 0 for item in items)


def test_nothing_is_there():
    assert get("/api/nothing").json() == {"items": [], "total": 0}


@contextmanager
def answered(path, status):
    response = get(path)
    assert response.status_code == status
    yield response


def test_inner_function_asserts():
    with answered("/api/items/7", 404) as response:
        print(response.text)


class TestInAClass:
    def setup_method(self):
        self.response = get("/api/items")

    def test_with_setup_method(self):
        assert self.response.json()["total"] == 2
