import os

import httpx

API = os.environ["API_URL"]


def test_health():
    assert httpx.get(f"{API}/health", timeout=5).json()["status"] == "healthy"


def test_leaves():
    os._exit(0)


def test_wrong_total():
    assert httpx.get(f"{API}/api/items", timeout=5).json()["total"] == 17
