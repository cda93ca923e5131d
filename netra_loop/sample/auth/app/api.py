"""Everything the service answers: its name, its health and logins."""

import hmac

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from .bodies import json_object, text_field
from .edge import Edge
from .errors import ApiError, on_api_error, on_crash, on_http_exception, unauthorized
from .logs import Log
from .settings import Settings
from .tokens import issue

VERSION = "1.0.0"


def assemble(settings: Settings) -> Edge:
    """The application an ASGI server serves, for one instance."""
    application = Starlette(
        routes=AuthApi(settings, Log(settings.project)).routes(),
        exception_handlers={ApiError: on_api_error, HTTPException: on_http_exception, Exception: on_crash},
    )
    return Edge(application, settings.revision)


class AuthApi:
    def __init__(self, settings: Settings, log: Log) -> None:
        self._settings = settings
        self._log = log

    def routes(self) -> list[Route]:
        return [
            Route("/", self.index),
            Route("/health", self.health),
            Route("/api/auth/login", self.login, methods=["POST"]),
        ]

    async def index(self, _: Request) -> JSONResponse:
        return JSONResponse({**self._names(), "paths": [route.path for route in self.routes()]})

    async def health(self, _: Request) -> JSONResponse:
        return JSONResponse({"status": "healthy", **self._names()})

    async def login(self, request: Request) -> JSONResponse:
        """Any user may come, so that test users need no setting up; the password is one for the whole environment."""
        body = json_object(await request.body())
        user, password = text_field(body, "user"), text_field(body, "password")
        if not hmac.compare_digest(password.encode(), self._settings.password.encode()):
            self._log.write("WARNING", "login rejected", user=user)
            raise unauthorized("credentials_rejected", "user or password is wrong")
        self._log.write("INFO", "login accepted", user=user)
        return JSONResponse({"token": issue(user, self._settings.token_key), "token_type": "Bearer", "user": user})

    def _names(self) -> dict[str, str]:
        return {"service": self._settings.service, "version": VERSION, "revision": self._settings.revision}
