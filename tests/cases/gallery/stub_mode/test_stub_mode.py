import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from staging_base import RealClient, StagingTest


class TestDuringOutage(StagingTest):
    variable = "DOWN_URL"

    def test_items(self):
        assert self.client.get("/api/items")["total"] == 2

    def test_health(self):
        assert self.client.get("/health")["status"] == "healthy"


class TestOnAGoodDay(StagingTest):
    def test_items(self):
        assert self.client.get("/api/items")["total"] == 2


class TestWithoutStubs:
    def setup_method(self):
        self.client = RealClient(os.environ["API_URL"])

    def test_items(self):
        assert self.client.get("/api/items")["total"] == 2

    def test_health(self):
        assert self.client.get("/health") == {"status": "healthy", "revision": "api-00042"}
