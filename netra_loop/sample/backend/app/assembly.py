"""Joins the parts into one application."""

import logging

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import WebSocketRoute

from .edge import Edge
from .errors import ApiError, on_api_error, on_crash, on_http_exception
from .http_api import HttpApi
from .service import build_service
from .settings import Settings
from .websocket_api import WebSocketApi


def assemble(settings: Settings) -> Edge:
    """The application an ASGI server serves, for one instance."""
    logging.getLogger("uvicorn.error").addFilter(is_no_refusal)
    service = build_service(settings)
    application = Starlette(
        routes=[*HttpApi(service).routes(), WebSocketRoute("/ws", WebSocketApi(service).connect)],
        exception_handlers={ApiError: on_api_error, HTTPException: on_http_exception, Exception: on_crash},
    )
    return Edge(application, settings.revision)


def is_no_refusal(record: logging.LogRecord) -> bool:
    """uvicorn writes an error for every handshake we refuse, although it has sent our refusal by then."""
    return record.getMessage() != "ASGI callable returned without completing handshake."
