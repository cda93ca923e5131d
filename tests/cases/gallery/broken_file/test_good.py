import os

import httpx


def test_health():
    assert httpx.get(os.environ["API_URL"] + "/health", timeout=5).json()["status"] == "healthy"
