import os

import httpx

API = os.environ["API_URL"]


def test_items():
    assert httpx.get(f"{API}/api/items", timeout=5).json()["total"] == 2


def test_health():
    assert httpx.get(f"{API}/health", timeout=5).json()["revision"] == "api-00042"


def test_any_answer():
    assert httpx.get(f"{API}/health", timeout=5) is not None
