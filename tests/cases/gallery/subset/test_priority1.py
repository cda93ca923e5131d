import os

import httpx

API = os.environ["API_URL"]


def test_001_health():
    assert httpx.get(f"{API}/health", timeout=5).json()["status"] == "healthy"


def test_002_items():
    assert httpx.get(f"{API}/api/items", timeout=5).json()["total"] == 3


def test_003_item():
    assert httpx.get(f"{API}/api/items/9", timeout=5).status_code == 200


def test_004_broken():
    assert httpx.get(f"{API}/api/broken", timeout=5).status_code == 200


def test_005_me():
    assert httpx.get(f"{API}/api/me", timeout=5).status_code == 200
