"""The WebSocket side: greet, authenticate, run agents, answer pings, and survive nonsense."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import uuid4

import anyio
from anyio.abc import TaskGroup
from starlette.websockets import WebSocket, WebSocketDisconnect

from .agents import Event, Run, find_agent
from .bodies import json_object, text_field
from .errors import ApiError, error_response, unauthorized
from .service import Service
from .tokens import Identity


class WebSocketApi:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def connect(self, socket: WebSocket) -> None:
        """A wrong token in the query is refused in the handshake; without one the caller may authenticate later."""
        token = socket.query_params.get("token")
        try:
            identity = self._service.tokens.read(token) if token is not None else None
        except ApiError as error:
            await socket.send_denial_response(error_response(error))
            return
        await socket.accept()
        self._service.metrics.websocket_connections += 1
        await Conversation(self._service, socket, identity).hold()


class Conversation:
    """One open connection. Agents run beside the reading, so that a ping is answered while they work."""

    def __init__(self, service: Service, socket: WebSocket, identity: Identity | None) -> None:
        self._service = service
        self._socket = socket
        self._identity = identity

    async def hold(self) -> None:
        """Until the caller leaves, who takes along the agents that still run."""
        async with anyio.create_task_group() as runs:
            with suppress(WebSocketDisconnect):
                await self._greet()
                while (frame := await self._socket.receive())["type"] == "websocket.receive":
                    await self._answer(frame, runs)
            runs.cancel_scope.cancel()

    async def _greet(self) -> None:
        await self._socket.send_json(
            {
                "type": "connection_established",
                "revision": self._service.settings.revision,
                "connection_id": uuid4().hex,
                "authenticated": self._identity is not None,
            }
        )

    async def _answer(self, frame: Mapping[str, Any], runs: TaskGroup) -> None:
        """What the caller did wrong is told and forgiven: the connection stays open."""
        try:
            await self._obey(json_object(frame.get("text") or frame.get("bytes") or ""), runs)
        except ApiError as error:
            await self._socket.send_json({"type": "error", "code": error.code, "message": error.message})

    async def _obey(self, message: dict[str, Any], runs: TaskGroup) -> None:
        match message.get("type"):
            case "ping":
                await self._socket.send_json({"type": "pong", "id": message.get("id")})
            case "authenticate":
                self._identity = self._service.tokens.read(text_field(message, "token"))
                await self._socket.send_json({"type": "authenticated", "user": self._identity.user})
            case "run_agent":
                runs.start_soon(self._perform, self._prepare(message), self._user())
            case unknown:
                raise ApiError(422, "unknown_type", f"there is no message type {str(unknown)[:40]!r}")

    def _user(self) -> str:
        if self._identity is None:
            raise unauthorized("not_authenticated", "send an 'authenticate' message with a token first")
        return self._identity.user

    def _prepare(self, message: dict[str, Any]) -> Run:
        return Run(find_agent(text_field(message, "agent")), text_field(message, "prompt"), self._socket.send_json)

    async def _perform(self, run: Run, user: str) -> None:
        settings = self._service.settings
        with suppress(WebSocketDisconnect):
            ending = await run.perform(settings.agent_latency, settings.agent_timeout)
            self._record(ending, user)
            await self._socket.send_json(ending)

    def _record(self, ending: Event, user: str) -> None:
        fields = {name: value for name, value in ending.items() if name not in ("type", "result")}
        if ending["type"] == "agent_completed":
            self._service.metrics.agent_runs_completed += 1
            self._service.log.write("INFO", "agent completed", user=user, **fields)
        else:
            self._service.metrics.agent_runs_failed += 1
            self._service.log.write("ERROR", "agent timed out", user=user, **fields)
