import os

import httpx

API = os.environ["API_URL"]


def get(path):
    return httpx.get(API + path, timeout=5)


def test_026_health():
    assert get("/health").json()["status"] == "healthy"


def test_027_items():
    assert get("/api/items").json()["total"] == 3


def test_028_first_item():
    assert get("/api/items/1").json()["name"] == "alpha"


def test_029_second_item():
    assert get("/api/items/2").json()["name"] == "beta"


def test_030_me():
    assert get("/api/me").status_code == 200
