import asyncio
import json
import os
import ssl
import urllib.request

import aiohttp
import httpx
import pytest
import requests
from websockets.sync.client import connect

SECURE = os.environ["SECURE_URL"]
pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")


@pytest.fixture
def unchecked():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_httpx_without_verification():
    assert httpx.get(f"{SECURE}/api/items", verify=False, timeout=5).json()["total"] == 2


def test_requests_without_verification():
    assert requests.get(f"{SECURE}/api/items", verify=False, timeout=5).json()["total"] == 2


def test_urllib_without_verification(unchecked):
    with urllib.request.urlopen(f"{SECURE}/api/items", context=unchecked, timeout=5) as answer:
        assert json.load(answer)["total"] == 2


def test_async_without_verification(unchecked):
    async def ask():
        async with httpx.AsyncClient(verify=unchecked, timeout=5) as client:
            return (await client.get(f"{SECURE}/health")).json()

    assert asyncio.run(ask())["status"] == "healthy"


def test_websocket_without_verification(unchecked):
    with connect(os.environ["SECURE_WS_URL"] + "/ws", ssl=unchecked, open_timeout=5) as socket:
        socket.send(json.dumps({"type": "ping", "n": 5}))
        assert json.loads(socket.recv(timeout=5))["n"] == 5


def test_host_name_not_checked():
    context = ssl.create_default_context(cafile=os.environ["CA_FILE"])
    context.check_hostname = False
    with httpx.Client(verify=context, timeout=5) as client:
        assert client.get(f"{SECURE}/api/items/1").json()["name"] == "alpha"


def test_aiohttp_without_verification():
    async def ask():
        async with aiohttp.ClientSession() as session, session.get(f"{SECURE}/health", ssl=False) as response:
            return await response.json()

    assert asyncio.run(ask())["status"] == "healthy"
