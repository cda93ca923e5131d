import os

import httpx


class CriticalWebSocketTests:
    def test_connection(self):
        assert httpx.get(os.environ["API_URL"] + "/health", timeout=5).status_code == 200

    def test_items(self):
        assert httpx.get(os.environ["API_URL"] + "/api/items", timeout=5).json()["total"] == 2
