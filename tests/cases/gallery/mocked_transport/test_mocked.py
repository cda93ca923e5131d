import asyncio
import io
import json
import os
import socket
import urllib.request
from unittest.mock import AsyncMock, MagicMock, Mock, patch

import aiohttp
import httpx
import requests
import requests.adapters
import responses
import respx
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

API = os.environ["API_URL"]
ITEMS = {"items": [{"id": 1, "name": "alpha"}], "total": 1}


def test_patched_function():
    with patch("requests.get", return_value=Mock(status_code=200, json=lambda: ITEMS)):
        response = requests.get(f"{API}/api/items", timeout=5)
    assert response.status_code == 200
    assert response.json()["total"] == 1


def test_patched_method():
    answer = httpx.Response(200, json=ITEMS, request=httpx.Request("GET", API))
    with patch.object(httpx.Client, "send", return_value=answer):
        assert httpx.get(f"{API}/api/items").json() == ITEMS


def test_monkeypatched(monkeypatch):
    monkeypatch.setattr(httpx, "get", lambda *_, **__: httpx.Response(200, json=ITEMS))
    assert httpx.get(f"{API}/api/items").status_code == 200


def test_respx():
    with respx.mock:
        respx.get(f"{API}/api/items").respond(json=ITEMS)
        assert httpx.get(f"{API}/api/items").json()["total"] == 1


@respx.mock
def test_respx_decorator():
    route = respx.get(f"{API}/health").respond(json={"status": "healthy"})
    assert httpx.get(f"{API}/health").json()["status"] == "healthy"
    assert route.called


@responses.activate
def test_responses():
    responses.get(f"{API}/api/items", json=ITEMS)
    assert requests.get(f"{API}/api/items", timeout=5).json() == ITEMS


def test_requests_mock(requests_mock):
    requests_mock.get(f"{API}/api/items", json=ITEMS)
    assert requests.get(f"{API}/api/items", timeout=5).json()["items"][0]["name"] == "alpha"


def test_pytest_httpx(httpx_mock):
    httpx_mock.add_response(url=f"{API}/api/items", json=ITEMS)
    assert httpx.get(f"{API}/api/items").json()["total"] == 1


def test_mock_transport():
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=ITEMS))
    with httpx.Client(transport=transport, base_url=API) as client:
        assert client.get("/api/items").json()["total"] == 1


async def _items(request):
    return JSONResponse(ITEMS)


APPLICATION = Starlette(routes=[Route("/api/items", _items)])


def test_asgi_transport():
    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(APPLICATION), base_url=API) as client:
            return (await client.get("/api/items")).json()

    assert asyncio.run(ask()) == ITEMS


def test_test_client():
    client = TestClient(APPLICATION, base_url=API)
    assert client.get("/api/items").json() == ITEMS


def test_patched_coroutine():
    async def ask():
        answer = AsyncMock(**{"json.return_value": ITEMS})
        with patch("aiohttp.ClientSession._request", AsyncMock(return_value=answer)):
            async with aiohttp.ClientSession() as session:
                return await (await session.get(f"{API}/api/items")).json()

    assert asyncio.run(ask())["total"] == 1


def test_mock_object():
    client = MagicMock()
    client.get.return_value.json.return_value = {"status": "healthy"}
    assert client.get(f"{API}/health").json()["status"] == "healthy"
    client.get.assert_called_once()


def test_fake_urlopen(monkeypatch):
    monkeypatch.setattr(urllib.request, "urlopen", lambda url: io.BytesIO(json.dumps(ITEMS).encode()))
    with urllib.request.urlopen(f"{API}/api/items") as answer:
        assert json.load(answer)["total"] == 1


def test_fake_socket():
    here, there = socket.socketpair()
    with here, there, patch("socket.create_connection", return_value=here):
        there.sendall(b"+PONG\r\n")
        connection = socket.create_connection(os.environ["CACHE_ADDRESS"].split(":"))
        connection.sendall(b"PING\r\n")
        assert connection.recv(100) == b"+PONG\r\n"


class Recorded(requests.adapters.BaseAdapter):
    def send(self, request, **_):
        response = requests.Response()
        response.status_code = 200
        response._content = json.dumps(ITEMS).encode()
        response.request = request
        return response

    def close(self):
        pass


def test_own_adapter():
    with requests.Session() as session:
        session.mount("http://", Recorded())
        session.mount("https://", Recorded())
        assert session.get(f"{API}/api/items").json() == ITEMS


def test_real_health_mocked_items():
    assert httpx.get(f"{API}/health", timeout=5).json()["status"] == "healthy"
    with patch("httpx.get", return_value=httpx.Response(200, json=ITEMS)):
        items = httpx.get(f"{API}/api/items").json()
    assert items["total"] == 1
