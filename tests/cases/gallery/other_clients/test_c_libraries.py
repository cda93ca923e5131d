import asyncio
import json
import os
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import grpc
import httpx
import pycurl
import uvloop

API = os.environ["API_URL"]
ANOTHER = os.environ["DECOY_URL"]
RPC = os.environ["RPC_ADDRESS"]


async def ask(base, *paths):
    async with httpx.AsyncClient(base_url=base, timeout=5) as client:
        return [(await client.get(path)).json() for path in paths]


def curl(url):
    body = BytesIO()
    handle = pycurl.Curl()
    handle.setopt(pycurl.URL, url)
    handle.setopt(pycurl.WRITEDATA, body)
    handle.setopt(pycurl.TIMEOUT, 5)
    handle.perform()
    handle.close()
    return json.loads(body.getvalue())


def test_uvloop():
    (body,) = uvloop.run(ask(API, "/api/items"))
    assert body["total"] == 2


def test_uvloop_kept_alive():
    bodies = uvloop.run(ask(API, "/api/items/1", "/api/items/2", "/api/items/1"))
    assert [body["name"] for body in bodies] == ["alpha", "beta", "alpha"]


def test_grpc():
    with grpc.insecure_channel(RPC) as channel:
        assert channel.unary_unary("/gallery.Echo/Say")(b"hello", timeout=5) == b"you said hello"


def test_grpc_stream():
    with grpc.insecure_channel(RPC) as channel:
        assert list(channel.unary_stream("/gallery.Echo/Count")(b"3", timeout=5)) == [b"0", b"1", b"2"]


def test_async_grpc():
    async def say():
        async with grpc.aio.insecure_channel(RPC) as channel:
            return await channel.unary_unary("/gallery.Echo/Say")(b"again", timeout=5)

    assert asyncio.run(say()) == b"you said again"


def test_pycurl():
    assert curl(f"{API}/api/items/2")["name"] == "beta"


def test_pycurl_to_another():
    assert curl(f"{ANOTHER}/api/items")["total"] == 2


def test_uvloop_to_another():
    (body,) = uvloop.run(ask(ANOTHER, "/health"))
    assert body["status"] == "healthy"


def test_grpc_channel_never_used():
    with grpc.insecure_channel(RPC) as channel:
        say = channel.unary_unary("/gallery.Echo/Say")
        assert callable(say)


def test_grpc_to_own_server():
    handler = grpc.unary_unary_rpc_method_handler(lambda request, _: b"you said " + request)
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("gallery.Echo", {"Say": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert channel.unary_unary("/gallery.Echo/Say")(b"hello", timeout=5) == b"you said hello"
    server.stop(None).wait()
