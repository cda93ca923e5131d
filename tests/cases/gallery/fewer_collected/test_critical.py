import os

import httpx

API = os.environ["API_URL"]


def test_health():
    assert httpx.get(f"{API}/health", timeout=5).json()["status"] == "healthy"


def check_items():
    assert httpx.get(f"{API}/api/items", timeout=5).json()["total"] == 2


class CriticalTests:
    def test_first_item(self):
        assert httpx.get(f"{API}/api/items/1", timeout=5).json()["name"] == "alpha"

    def test_second_item(self):
        assert httpx.get(f"{API}/api/items/2", timeout=5).json()["name"] == "beta"
