import asyncio
import http.client
import json
import os
import socket
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import httpx
import pytest
import redis
import redis.asyncio
import redis.asyncio.retry
import requests
import websockets.asyncio.client
import websockets.sync.client
from redis.backoff import NoBackoff
from redis.retry import Retry

API = os.environ["API_URL"]
ADDRESS = API.rpartition("/")[2]
SOCKET = os.environ["API_WS_URL"] + "/ws"
CACHE = "redis://" + os.environ["CACHE_ADDRESS"]


def test_urllib():
    with urllib.request.urlopen(f"{API}/api/items", timeout=5) as answer:
        assert json.load(answer)["total"] == 2


def test_http_client():
    connection = http.client.HTTPConnection(ADDRESS, timeout=5)
    for number, name in ((1, "alpha"), (2, "beta")):
        connection.request("GET", f"/api/items/{number}")
        assert json.load(connection.getresponse())["name"] == name
    connection.close()


def test_requests():
    assert requests.get(f"{API}/api/items/1", timeout=5).json() == {"id": 1, "name": "alpha", "price": 10}


def test_httpx():
    with httpx.Client(base_url=API, timeout=5) as client:
        assert client.get("/api/items/2").json()["price"] == 25


def test_async_httpx():
    async def ask():
        async with httpx.AsyncClient(base_url=API, timeout=5) as client:
            response = await client.get("/api/items")
            assert response.status_code == 200
            assert response.json()["total"] == 2

    asyncio.run(ask())


def test_aiohttp():
    async def ask():
        async with aiohttp.ClientSession() as session, session.get(f"{API}/api/items") as response:
            return response.status, await response.json()

    status, body = asyncio.run(ask())
    assert status == 200
    assert len(body["items"]) == 2


def test_plain_socket():
    host, _, port = ADDRESS.partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"status":"healthy"' in answer


def test_asyncio_streams():
    async def ask():
        host, _, port = ADDRESS.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /health HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer

    assert b"api-00042" in asyncio.run(ask())


def test_websocket():
    with websockets.sync.client.connect(SOCKET, open_timeout=5) as connection:
        connection.send(json.dumps({"type": "ping", "n": 7}))
        assert json.loads(connection.recv(timeout=5)) == {"type": "pong", "n": 7}


def test_async_websocket():
    async def ask():
        async with websockets.asyncio.client.connect(SOCKET, open_timeout=5) as connection:
            await connection.send(json.dumps({"type": "run_agent", "thread": "t-3"}))
            return [json.loads(await asyncio.wait_for(connection.recv(), 5))["type"] for _ in range(5)]

    assert asyncio.run(ask())[-1] == "agent_completed"


def test_redis():
    with redis.from_url(CACHE, socket_timeout=5, retry=Retry(NoBackoff(), 0)) as cache:
        cache.delete("clients")
        assert cache.incr("clients") == 1
        assert cache.incr("clients") == 2


def test_async_redis():
    async def ask():
        cache = redis.asyncio.from_url(CACHE, socket_timeout=5, retry=redis.asyncio.retry.Retry(NoBackoff(), 0))
        await cache.set("asynchronous", "yes")
        value = await cache.get("asynchronous")
        await cache.aclose()
        return value

    assert asyncio.run(ask()) == b"yes"


def test_redis_by_hand():
    host, _, port = os.environ["CACHE_ADDRESS"].partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"*1\r\n$4\r\nPING\r\n")
        assert connection.recv(100) == b"+PONG\r\n"


def test_threads():
    def price(number):
        return requests.get(f"{API}/api/items/{number}", timeout=5).json()["price"]

    with ThreadPoolExecutor(4) as pool:
        prices = list(pool.map(price, (1, 2, 1, 2)))
    assert prices == [10, 25, 10, 25]


def test_gather():
    async def ask():
        async with httpx.AsyncClient(base_url=API, timeout=5) as client:
            answers = await asyncio.gather(*(client.get(f"/api/items/{number}") for number in (1, 2, 1, 2)))
        return [answer.json()["name"] for answer in answers]

    assert asyncio.run(ask()) == ["alpha", "beta", "alpha", "beta"]


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.anyio
async def test_anyio():
    async with httpx.AsyncClient(base_url=API, timeout=5) as client:
        assert (await client.get("/health")).json()["status"] == "healthy"
