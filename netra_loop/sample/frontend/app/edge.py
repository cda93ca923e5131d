"""What every answer passes last."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Edge:
    """Names the revision in the header of every answer, a crash's among them: it wraps the whole application."""

    def __init__(self, app: ASGIApp, revision: str) -> None:
        self._app = app
        self._revision = revision

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Revision"] = self._revision
            await send(message)

        await self._app(scope, receive, send_stamped)
