"""The HTTP side: health, sessions, state, agents, threads, metrics and a rate limit."""

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from .agents import AGENTS, find_agent
from .bodies import json_object, text_field
from .errors import ApiError
from .health import examine
from .service import VERSION, Service
from .threads import Thread
from .tokens import Identity, bearer_token


class HttpApi:
    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[Route]:
        return [
            Route("/", self.index),
            Route("/health", self.health),
            Route("/api/health", self.deep_health),
            Route("/api/sessions", self.open_session, methods=["POST"]),
            Route("/api/me", self.me),
            Route("/api/state", self.state, methods=["GET", "PUT"]),
            Route("/api/agents", self.agents),
            Route("/api/agents/{agent_id}/configuration", self.agent_configuration),
            Route("/api/threads", self.threads, methods=["GET", "POST"]),
            Route("/api/threads/{thread_id}/messages", self.messages, methods=["GET", "POST"]),
            Route("/api/metrics", self.metrics),
            Route("/api/limited", self.limited),
        ]

    async def index(self, _: Request) -> JSONResponse:
        paths = [route.path for route in self.routes()]
        return JSONResponse({**self._names(), "paths": paths, "websocket": "/ws"})

    async def health(self, _: Request) -> JSONResponse:
        """Shallow: the process answers, whatever it depends on."""
        return JSONResponse({"status": "healthy", **self._names()})

    async def deep_health(self, _: Request) -> JSONResponse:
        status, dependencies = await examine(self._service.dependencies)
        return JSONResponse({"status": status, **self._names(), "dependencies": dependencies})

    async def open_session(self, request: Request) -> JSONResponse:
        """The one call that a token is good for before its session is open."""
        identity = self._service.tokens.read(_token(request))
        self._service.sessions.open(identity)
        self._service.metrics.sessions += 1
        return JSONResponse({"user": identity.user, "session": identity.session}, 201)

    async def me(self, request: Request) -> JSONResponse:
        identity = self._identify(request)
        return JSONResponse({"user": identity.user, "session": identity.session})

    async def state(self, request: Request) -> JSONResponse:
        """What a user keeps from one session to the next, such as a draft."""
        key = f"state:{self._identify(request).user}"
        if request.method == "PUT":
            await self._service.store.set(key, json_object(await request.body()))
        return JSONResponse({"state": await self._service.store.get(key) or {}})

    async def agents(self, _: Request) -> JSONResponse:
        agents = [{"id": agent.id, "name": agent.name} for agent in AGENTS.values()]
        return JSONResponse({"agents": agents, "total": len(agents)})

    async def agent_configuration(self, request: Request) -> JSONResponse:
        self._identify(request)
        agent = find_agent(request.path_params["agent_id"])
        timeout = self._service.settings.agent_timeout
        return JSONResponse({"id": agent.id, "name": agent.name, "tools": [agent.tool], "timeout_s": timeout})

    async def threads(self, request: Request) -> JSONResponse:
        identity = self._identify(request)
        if request.method == "POST":
            title = text_field(json_object(await request.body()), "title")
            return JSONResponse(self._service.threads.create(identity.user, title).summary(), 201)
        return JSONResponse({"threads": [thread.summary() for thread in self._service.threads.of(identity.user)]})

    async def messages(self, request: Request) -> JSONResponse:
        identity = self._identify(request)
        thread = self._service.threads.find(identity.user, request.path_params["thread_id"])
        if request.method == "POST":
            return await self._add_message(request, thread)
        return JSONResponse({"thread": thread.id, "messages": thread.messages})

    async def metrics(self, _: Request) -> JSONResponse:
        return JSONResponse({**self._names(), "counts": asdict(self._service.metrics)})

    async def limited(self, request: Request) -> JSONResponse:
        """A few calls per session and no more: a window without a clock, so that a test of it never has to wait."""
        identity = self._identify(request)
        limit = self._service.settings.rate_limit
        used = self._service.sessions.count_call(identity.session)
        if used > limit:
            raise ApiError(429, "rate_limited", f"{limit} calls per session are allowed; log in again")
        return JSONResponse({"limit": limit, "remaining": limit - used})

    async def _add_message(self, request: Request, thread: Thread) -> JSONResponse:
        message = thread.add(text_field(json_object(await request.body()), "content"))
        self._service.metrics.messages += 1
        return JSONResponse(message, 201)

    def _identify(self, request: Request) -> Identity:
        return self._service.identify(_token(request))

    def _names(self) -> dict[str, str]:
        settings = self._service.settings
        return {"service": settings.service, "version": VERSION, "revision": settings.revision}


def _token(request: Request) -> str:
    return bearer_token(request.headers.get("authorization", ""))
