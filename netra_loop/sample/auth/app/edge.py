"""What every request passes first and every answer last."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .logs import TRACE, trace_id

ANSWER_STARTS = ("http.response.start", "websocket.accept", "websocket.http.response.start")


class Edge:
    """Remembers the incoming trace and names the revision in the header of every answer.

    It wraps the whole application instead of being one of its middlewares, because Starlette answers crashes outside of
    those, and a crash must name its revision too.
    """

    def __init__(self, app: ASGIApp, revision: str) -> None:
        self._app = app
        self._revision = revision

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        TRACE.set(trace_id(Headers(scope=scope).get("traceparent", "")))

        async def send_stamped(message: Message) -> None:
            if message["type"] in ANSWER_STARTS:
                message.setdefault("headers", [])
                MutableHeaders(scope=message)["X-Revision"] = self._revision
            await send(message)

        await self._app(scope, receive, send_stamped)
