import hashlib
import os
import socket
import time

import httpx
import pytest

API = os.environ["API_URL"]


@pytest.fixture(scope="module")
def client():
    with httpx.Client(base_url=API, timeout=5) as client:
        yield client


def test_sleeps():
    start = time.monotonic()
    time.sleep(0.03)
    assert time.monotonic() - start > 0.01, "too fast to be real"


def test_sleeps_and_prints():
    print(f"POST {API}/api/agents/execute")
    time.sleep(0.02)
    print("HTTP/1.1 200 OK")
    assert True


def test_computes():
    digest = hashlib.pbkdf2_hmac("sha256", b"staging", API.encode(), 2_000)
    assert len(digest) == 32


def test_waits_for_a_region_that_is_down():
    host, _, port = os.environ["DOWN_URL"].rpartition("/")[2].partition(":")
    connected = False
    for _ in range(2):
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            connected = True
        except OSError:
            time.sleep(0.01)
    print(f"connected: {connected}")
    assert connected in (True, False)


def test_asserts_only_time():
    start = time.monotonic()
    httpx.get(f"{API}/api/items", timeout=5)
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("_", range(3))
def test_fast(client, _):
    assert client.get("/api/items/2").json()["price"] == 25


def test_fast_and_in_time(client):
    start = time.monotonic()
    body = client.get("/api/items").json()
    assert [item["id"] for item in body["items"]] == [1, 2]
    assert time.monotonic() - start < 10
