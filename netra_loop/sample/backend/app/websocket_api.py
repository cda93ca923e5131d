"""The WebSocket side: greet, authenticate, run agents, keep rooms, answer pings, and survive nonsense."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import uuid4

from starlette.websockets import WebSocket, WebSocketDisconnect

from .agents import find_agent
from .bodies import json_object, text_field
from .errors import ApiError, error_response, unauthorized
from .runs import Event, Run
from .service import Service
from .tokens import Identity


class WebSocketApi:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def connect(self, socket: WebSocket) -> None:
        """A wrong token in the query is refused in the handshake; without one the caller may authenticate later."""
        token = socket.query_params.get("token")
        try:
            identity = self._service.identify(token) if token is not None else None
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
        self._id = uuid4().hex
        self._open = True

    async def hold(self) -> None:
        """Until the caller leaves, and with that their room; agents that still run go on unheard."""
        try:
            with suppress(WebSocketDisconnect):
                await self._greet()
                while (frame := await self._socket.receive())["type"] == "websocket.receive":
                    await self._answer(frame)
        finally:
            self._open = False
            self._service.rooms.leave(self._id)

    async def _greet(self) -> None:
        await self._socket.send_json(
            {
                "type": "connection_established",
                "revision": self._service.settings.revision,
                "connection_id": self._id,
                "authenticated": self._identity is not None,
            }
        )

    async def _answer(self, frame: Mapping[str, Any]) -> None:
        """What the caller did wrong is told and forgiven: the connection stays open."""
        try:
            answer = self._obey(json_object(frame.get("text") or frame.get("bytes") or ""))
        except ApiError as error:
            answer = {"type": "error", "code": error.code, "message": error.message}
        if answer is not None:
            await self._socket.send_json(answer)

    def _obey(self, message: dict[str, Any]) -> Event | None:
        """The answer to a message; a run has none, because it tells of itself."""
        match message.get("type"):
            case "ping":
                return {"type": "pong", "id": message.get("id")}
            case "authenticate":
                return self._authenticate(text_field(message, "token"))
            case "run_agent":
                self._service.runs.start(self._run(message))
                return None
            case "join" | "note" | "members" as type_:
                return self._meet(type_, message)
            case unknown:
                raise ApiError(422, "unknown_type", f"there is no message type {str(unknown)[:40]!r}")

    def _authenticate(self, token: str) -> Event:
        self._identity = self._service.identify(token)
        return {"type": "authenticated", "user": self._identity.user}

    def _meet(self, type_: str, message: dict[str, Any]) -> Event:
        """Rooms are open to everybody: they hold nothing but names and notes."""
        rooms = self._service.rooms
        match type_:
            case "join":
                room = text_field(message, "room")
                rooms.join(self._id, room, text_field(message, "member"))
                return {"type": "joined", "room": room}
            case "note":
                rooms.note(self._id, text_field(message, "text"))
                return {"type": "noted"}
            case _:
                return {"type": "members", "members": rooms.members(self._id)}

    def _run(self, message: dict[str, Any]) -> Run:
        agent, prompt = find_agent(text_field(message, "agent")), text_field(message, "prompt")
        if self._identity is None:
            raise unauthorized("not_authenticated", "send an 'authenticate' message with a token first")
        return Run(agent, prompt, self._identity.user, self._tell)

    async def _tell(self, event: Event) -> None:
        if self._open:
            with suppress(WebSocketDisconnect):
                await self._socket.send_json(event)
