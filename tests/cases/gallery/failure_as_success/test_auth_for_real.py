import contextlib
import os

import httpx
import pytest
import requests

API = os.environ["API_URL"]


def test_missing_token():
    response = httpx.get(f"{API}/api/me", timeout=5)
    assert response.status_code == 401
    assert response.json() == {"error": "who are you"}


def test_wrong_password():
    response = requests.post(f"{API}/api/login", json={"user": "ada", "password": "wrong"}, timeout=5)
    assert (response.status_code, response.json()["error"]) == (401, "wrong password")


def test_created_or_there():
    response = httpx.post(f"{API}/api/items", json={"name": "gamma"}, timeout=5)
    assert response.status_code in (200, 201)
    assert response.json()["name"] == "gamma"


def test_unknown_item():
    with pytest.raises(httpx.HTTPStatusError) as caught:
        httpx.get(f"{API}/api/items/99", timeout=5).raise_for_status()
    assert caught.value.response.status_code == 404


def test_bad_request():
    with pytest.raises(requests.HTTPError, match="400 Client Error"):
        requests.post(f"{API}/api/items", json={}, timeout=5).raise_for_status()


def test_cleanup_may_fail():
    created = httpx.post(f"{API}/api/items", json={"name": "delta"}, timeout=5).json()
    assert created["id"] == 3
    with contextlib.suppress(httpx.HTTPError):
        httpx.delete(f"{API}/api/items/3", timeout=5)


def test_closes_whatever_happens():
    client = httpx.Client(base_url=API, timeout=5)
    try:
        assert client.get("/api/items/1").json()["price"] == 10
    finally:
        client.close()


def test_translates_errors():
    try:
        body = httpx.get(f"{API}/api/items", timeout=5).raise_for_status().json()
    except httpx.HTTPError as error:
        pytest.fail(f"items cannot be listed: {error}")
    assert len(body["items"]) == body["total"] == 2


def test_token_works():
    token = requests.post(f"{API}/api/login", json={"user": "ada", "password": "correct"}, timeout=5).json()["token"]
    me = requests.get(f"{API}/api/me", headers={"Authorization": f"Bearer {token}"}, timeout=5)
    assert me.json() == {"user": "ada"}
