import json
import os
from pathlib import Path

import httpx

HERE = Path(__file__).parent
API = os.environ["API_URL"]


def recorded(name, path):
    """The answer as it was recorded; asked for and recorded if there is no record."""
    file = HERE / name
    if not file.exists():
        file.write_text(httpx.get(API + path, timeout=5).text)
    return json.loads(file.read_text())


class CachedClient:
    def __init__(self, folder):
        self._folder = folder

    def get(self, path):
        cached = self._folder / f"{path.rpartition('/')[2]}.json"
        return json.loads(cached.read_text()) if cached.exists() else httpx.get(API + path, timeout=5).json()


def test_recorded_answer():
    body = json.loads((HERE / "items.json").read_text())
    assert body["total"] == 2


def test_records_once():
    assert recorded("items.json", "/api/items")["items"][0]["name"] == "alpha"


def test_cached_client():
    assert CachedClient(HERE).get("/api/items")["total"] == 2


def test_report_of_the_last_run():
    report = json.loads((HERE / "report.json").read_text())
    assert report["passed"] == report["collected"]
    assert report["duration"] > 1, "too fast to be real"


def test_recorded_answer_is_still_true():
    assert httpx.get(f"{API}/api/items", timeout=5).json() == json.loads((HERE / "items.json").read_text())
