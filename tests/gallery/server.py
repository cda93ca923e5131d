"""The target of the gallery: one process that speaks HTTP, HTTPS, WebSocket, gRPC and Redis's protocol on loopback."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

LARGE = b"0123456789" * 30_000
EVENTS = ("agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed")
ITEMS = ({"id": 1, "name": "alpha", "price": 10}, {"id": 2, "name": "beta", "price": 25})


def main() -> None:
    """Serve until stdin ends. argument: a file with certificate and key; the first line told is JSON, name to port."""
    asyncio.run(_serve(Path(sys.argv[1])))


async def _serve(certificate: Path) -> None:
    app = _application()
    listeners = {name: socket.create_server(("127.0.0.1", 0)) for name in ("api", "secure", "decoy")}
    servers = (_server(app), _server(app, ssl_certfile=str(certificate)), _server(_decoy()))
    redis = await asyncio.start_server(_Redis().speak, "127.0.0.1", 0)
    rpc = grpc.aio.server()
    rpc.add_generic_rpc_handlers((_rpc_service(),))
    ports = {name: listener.getsockname()[1] for name, listener in listeners.items()}
    ports |= {"cache": redis.sockets[0].getsockname()[1], "rpc": rpc.add_insecure_port("127.0.0.1:0")}
    await rpc.start()
    serving = [
        asyncio.ensure_future(server.serve([listener]))
        for server, listener in zip(servers, listeners.values(), strict=True)
    ]
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for server in servers:
        server.should_exit = server.force_exit = True
    await asyncio.gather(rpc.stop(None), *serving)


def _server(app: Starlette, **settings: Any) -> uvicorn.Server:
    return uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="critical", ws="websockets-sansio", **settings))


def _application() -> Starlette:
    jobs: Counter[str] = Counter()

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "healthy", "revision": "api-00042"})

    async def items(_: Request) -> Response:
        return JSONResponse({"items": ITEMS, "total": len(ITEMS)})

    async def create(request: Request) -> Response:
        asked = await request.json()
        if not asked.get("name"):
            return JSONResponse({"error": "name is missing"}, 400)
        return JSONResponse({"id": 3, "name": asked["name"]}, 201)

    async def item(request: Request) -> Response:
        found = [each for each in ITEMS if each["id"] == request.path_params["number"]]
        return JSONResponse(found[0]) if found else JSONResponse({"error": "no such item"}, 404)

    async def nothing(_: Request) -> Response:
        return JSONResponse({"items": [], "total": 0})

    async def broken(_: Request) -> Response:
        return JSONResponse({"error": "agent service is not available"}, 500)

    async def login(request: Request) -> Response:
        asked = await request.json()
        if asked.get("password") != "correct":
            return JSONResponse({"error": "wrong password"}, 401)
        return JSONResponse({"token": f"token-of-{asked['user']}"})

    async def me(request: Request) -> Response:
        _, _, user = request.headers.get("authorization", "").partition("token-of-")
        return JSONResponse({"user": user}) if user else JSONResponse({"error": "who are you"}, 401)

    async def job(request: Request) -> Response:
        """Done at the third look."""
        name = request.path_params["name"]
        jobs[name] += 1
        return JSONResponse({"state": "done" if jobs[name] > 2 else "running", "looks": jobs[name]})

    async def flaky(request: Request) -> Response:
        """Not available at the first look, there at the second."""
        name = request.path_params["name"]
        jobs[name] += 1
        return JSONResponse({"looks": jobs[name]}, 200 if jobs[name] > 1 else 503)

    async def large(_: Request) -> Response:
        return Response(LARGE, media_type="application/octet-stream")

    async def upload(request: Request) -> Response:
        body = await request.body()
        return JSONResponse({"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()})

    async def lines(_: Request) -> Response:
        return StreamingResponse(_each(json.dumps({"n": n}) + "\n" for n in range(5)), media_type="application/jsonl")

    async def events(_: Request) -> Response:
        told = (f"event: {name}\ndata: {json.dumps({'n': n})}\n\n" for n, name in enumerate(EVENTS))
        return StreamingResponse(_each(told), media_type="text/event-stream")

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/api/items", items),
            Route("/api/items", create, methods=["POST"]),
            Route("/api/items/{number:int}", item),
            Route("/api/nothing", nothing),
            Route("/api/broken", broken),
            Route("/api/login", login, methods=["POST"]),
            Route("/api/me", me),
            Route("/api/jobs/{name}", job),
            Route("/api/flaky/{name}", flaky),
            Route("/api/large", large),
            Route("/api/upload", upload, methods=["POST"]),
            Route("/api/lines", lines),
            Route("/api/events", events),
            WebSocketRoute("/ws", _converse),
        ]
    )


async def _each(parts: Any) -> AsyncIterator[str]:
    for part in parts:
        yield part


async def _converse(websocket: WebSocket) -> None:
    """Answers `ping` with its number, and `run_agent` with the five events."""
    await websocket.accept()
    try:
        while True:
            asked = json.loads(await websocket.receive_text())
            if asked["type"] == "ping":
                await websocket.send_text(json.dumps({"type": "pong", "n": asked["n"]}))
            for name in EVENTS if asked["type"] == "run_agent" else ():
                await websocket.send_text(json.dumps({"type": name, "thread": asked["thread"]}))
    except WebSocketDisconnect:
        return


def _decoy() -> Starlette:
    """Another service that answers as the target does: who asks it has not asked the target."""

    async def answer(request: Request) -> Response:
        return JSONResponse({"status": "healthy", "revision": "api-00042", "items": ITEMS, "total": len(ITEMS)})

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])


def _rpc_service() -> grpc.GenericRpcHandler:
    async def say(request: bytes, _: Any) -> bytes:
        return b"you said " + request

    async def count(request: bytes, _: Any) -> AsyncIterator[bytes]:
        for n in range(int(request)):
            yield str(n).encode()

    handlers = {
        "Say": grpc.unary_unary_rpc_method_handler(say),
        "Count": grpc.unary_stream_rpc_method_handler(count),
    }
    return grpc.method_handlers_generic_handler("gallery.Echo", handlers)


class _Redis:
    """As much of Redis's protocol as its client needs; every other command is unknown."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self._commands: dict[bytes, Callable[..., bytes]] = {
            b"HELLO": lambda version: b"%%1\r\n+proto\r\n:%s\r\n" % version,
            b"PING": lambda: b"+PONG\r\n",
            b"SET": self._set,
            b"GET": lambda key: _bulk(self._values.get(key)),
            b"INCRBY": self._add,
            b"DEL": lambda key: b":%d\r\n" % (self._values.pop(key, None) is not None),
        }

    async def speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readline():
            words = [await self._word(reader) for _ in range(int(head[1:]))]
            command = self._commands.get(words[0].upper())
            writer.write(command(*words[1:]) if command else b"-ERR unknown command\r\n")
            await writer.drain()
        writer.close()

    async def _word(self, reader: asyncio.StreamReader) -> bytes:
        length = int((await reader.readline())[1:])
        return (await reader.readexactly(length + 2))[:-2]

    def _set(self, key: bytes, value: bytes, *_: bytes) -> bytes:
        self._values[key] = value
        return b"+OK\r\n"

    def _add(self, key: bytes, number: bytes) -> bytes:
        self._values[key] = str(int(self._values.get(key, b"0")) + int(number)).encode()
        return b":%s\r\n" % self._values[key]


def _bulk(value: bytes | None) -> bytes:
    return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)


if __name__ == "__main__":
    main()
