"""Joins the parts into one application."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import WebSocketRoute

from .edge import Edge
from .errors import ApiError, on_api_error, on_crash, on_http_exception
from .health import Dependency
from .http_api import HttpApi
from .logs import Log
from .service import Service
from .sessions import InProcessSessions
from .settings import Settings
from .tokens import Tokens
from .websocket_api import WebSocketApi


def assemble(settings: Settings) -> Edge:
    """The application an ASGI server serves, for one instance."""
    service = build_service(settings)
    application = Starlette(
        routes=[*HttpApi(service).routes(), WebSocketRoute("/ws", WebSocketApi(service).connect)],
        exception_handlers={ApiError: on_api_error, HTTPException: on_http_exception, Exception: on_crash},
    )
    return Edge(application, settings.revision)


def build_service(settings: Settings) -> Service:
    sessions = InProcessSessions()
    return Service(
        settings=settings,
        tokens=Tokens(settings.jwt_secret),
        sessions=sessions,
        dependencies=(Dependency("sessions", required=True, ping=sessions.ping),),
        log=Log(settings.project),
    )
