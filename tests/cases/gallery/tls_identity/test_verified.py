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
CA = os.environ["CA_FILE"]


@pytest.fixture
def context():
    return ssl.create_default_context(cafile=CA)


def test_httpx(context):
    assert httpx.get(f"{SECURE}/api/items", verify=context, timeout=5).json()["total"] == 2


def test_requests():
    assert requests.get(f"{SECURE}/api/items", verify=CA, timeout=5).json()["total"] == 2


def test_urllib(context):
    with urllib.request.urlopen(f"{SECURE}/api/items", context=context, timeout=5) as answer:
        assert json.load(answer)["total"] == 2


def test_async(context):
    async def ask():
        async with httpx.AsyncClient(verify=context, timeout=5) as client:
            return (await client.get(f"{SECURE}/health")).json()

    assert asyncio.run(ask())["status"] == "healthy"


def test_websocket(context):
    with connect(os.environ["SECURE_WS_URL"] + "/ws", ssl=context, open_timeout=5) as socket:
        socket.send(json.dumps({"type": "ping", "n": 6}))
        assert json.loads(socket.recv(timeout=5))["n"] == 6


def test_aiohttp(context):
    async def ask():
        async with aiohttp.ClientSession() as session, session.get(f"{SECURE}/health", ssl=context) as response:
            return await response.json()

    assert asyncio.run(ask())["revision"] == "api-00042"


def test_kept_connection():
    with requests.Session() as session:
        session.verify = CA
        names = [session.get(f"{SECURE}/api/items/{number}", timeout=5).json()["name"] for number in (1, 2)]
    assert names == ["alpha", "beta"]
