import os
import time
from unittest.mock import Mock, patch

import httpx
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

API = os.environ["API_URL"]


def test_patched_environment(monkeypatch):
    monkeypatch.setenv("FEATURE_FLAGS", "all")
    response = httpx.get(f"{API}/api/items", params={"flags": os.environ["FEATURE_FLAGS"]}, timeout=5)
    assert response.json()["total"] == 2


def test_patched_clock():
    with patch("time.sleep") as sleep:
        for _ in range(3):
            state = httpx.get(f"{API}/api/jobs/patched-clock", timeout=5).json()["state"]
            time.sleep(10)
    assert state in ("done", "running")
    assert sleep.call_count == 3
    assert httpx.get(f"{API}/api/jobs/patched-clock", timeout=5).json()["state"] == "done"


def test_transport_with_retries():
    with httpx.Client(transport=httpx.HTTPTransport(retries=1), base_url=API, timeout=5) as client:
        assert client.get("/api/items/1").json()["name"] == "alpha"


def test_adapter_with_retries():
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=Retry(2, status_forcelist=[503], backoff_factor=0)))
        response = session.get(f"{API}/api/flaky/adapter-{time.monotonic_ns()}", timeout=5)
    assert response.status_code == 200
    assert response.json()["looks"] == 2


class Counting(httpx.BaseTransport):
    def __init__(self):
        self.requests = 0
        self._real = httpx.HTTPTransport()

    def handle_request(self, request):
        self.requests += 1
        return self._real.handle_request(request)

    def close(self):
        self._real.close()


def test_transport_that_counts():
    transport = Counting()
    with httpx.Client(transport=transport, base_url=API, timeout=5) as client:
        assert client.get("/api/items/2").json()["name"] == "beta"
    assert transport.requests == 1


def test_event_hooks():
    seen = []
    with httpx.Client(
        base_url=API, timeout=5, event_hooks={"response": [lambda r: seen.append(r.status_code)]}
    ) as client:
        body = client.get("/health").json()
    assert seen == [200]
    assert body["revision"] == "api-00042"


def test_mocked_notifier():
    notify = Mock()
    body = httpx.get(f"{API}/api/items", timeout=5).json()
    for item in body["items"]:
        notify(item["name"])
    assert [call.args[0] for call in notify.call_args_list] == ["alpha", "beta"]


def test_mock_after_the_answer():
    response = httpx.get(f"{API}/api/items/1", timeout=5)
    assert response.json() == {"id": 1, "name": "alpha", "price": 10}
    with patch("os.getcwd", return_value="/nowhere"):
        assert os.getcwd() == "/nowhere"
