import asyncio
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
import requests
from websockets.sync.client import connect
from websockets.sync.server import serve

API = os.environ["API_URL"]
LAST_MONTH = os.environ["DECOY_URL"]


class Stub(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"status": "healthy", "total": 2}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def stub():
    with HTTPServer(("127.0.0.1", 0), Stub) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_address_of_last_month():
    body = httpx.get(f"{LAST_MONTH}/api/items", timeout=5).json()
    assert body["total"] == 2


def test_default_address():
    base = os.environ.get("API_ULR", LAST_MONTH)
    assert requests.get(f"{base}/health", timeout=5).json()["status"] == "healthy"


def test_own_server(stub):
    assert httpx.get(f"{stub}/health", timeout=5).json()["status"] == "healthy"


def test_old_websocket_server():
    with serve(lambda socket: socket.send(socket.recv()), "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        with connect(f"ws://127.0.0.1:{port}") as socket:
            socket.send("ping")
            assert socket.recv(timeout=5) == "ping"
        server.shutdown()


def test_health_of_the_target_items_of_another():
    httpx.get(f"{API}/health", timeout=5)
    body = httpx.get(f"{LAST_MONTH}/api/items", timeout=5).json()
    assert body["total"] == 2


def test_async_to_another():
    async def ask():
        async with httpx.AsyncClient(base_url=LAST_MONTH, timeout=5) as client:
            return (await client.get("/api/items")).json()

    assert asyncio.run(ask())["items"][0]["name"] == "alpha"


def test_from_conftest(staging_url):
    assert httpx.get(f"{staging_url}/health", timeout=5).json()["revision"] == "api-00042"


def test_asks_the_target_and_a_bystander():
    expected = httpx.get(f"{LAST_MONTH}/api/items", timeout=5).json()["total"]
    body = httpx.get(f"{API}/api/items", timeout=5).json()
    assert body["total"] == expected
    assert set(body) == {"items", "total"}


def test_own_server_as_a_webhook(stub):
    response = httpx.post(f"{API}/api/items", json={"name": "hooked", "webhook": stub}, timeout=5)
    assert response.json() == {"id": 3, "name": "hooked"}
