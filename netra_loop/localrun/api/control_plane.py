"""The control plane's connections: HTTP/1.1 in, one handler each, JSON out, and nothing brings the server down."""

import asyncio
import hmac
import json
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace

import h11

from netra_loop.localrun.activity import Activity
from netra_loop.localrun.api.http1 import Peer
from netra_loop.localrun.api.http_api import (
    Answer,
    ApiRequest,
    Route,
    Target,
    find_route,
    parse_target,
)
from netra_loop.localrun.errors import ApiError, forbidden, too_large
from netra_loop.localrun.faults import FaultKind, Faults
from netra_loop.localrun.loopback import is_local
from netra_loop.localrun.source.upload import LARGEST_OBJECT
from netra_loop.localrun.state.audit import Audit

LARGEST_BODY = 8 * 1024 * 1024
PATIENCE = 120.0  # seconds a connection may stay silent, within a request or between two
LOST = (h11.RemoteProtocolError, ConnectionError, TimeoutError)  # the client, in the middle of its request
TOKEN_HEADER = "x-netra-local-token"


class AnswerDropped(Exception):
    """A fault: what was asked for is done, and nobody is told."""


@dataclass(slots=True)
class ControlPlane:
    """Serves a route table. `token` is what /_local/ calls that change something must carry.

    `intrude` changes a service of some name as somebody else would.
    """

    routes: list[Route]
    audit: Audit
    activity: Activity
    faults: Faults
    intrude: Callable[[str], None]
    token: str

    async def serve_one(self, client: Peer) -> bool:
        """Answer the next request of a client; False when there was none or it was no HTTP."""
        try:
            async with asyncio.timeout(PATIENCE):
                head = await client.receive()
            if not isinstance(head, h11.Request):
                return False
            with self.activity.request():
                await _send(client, await self._answer(client, head))
        except h11.RemoteProtocolError as error:
            if client.protocol.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                await _send(client, _http_error(error.error_status_hint, str(error)))
            return False
        except AnswerDropped:
            client.wire.abort()
            return False
        return True

    async def _answer(self, client: Peer, head: h11.Request) -> Answer:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
        method = head.method.decode("latin-1")
        try:
            target = parse_target(head.target.decode("latin-1"))
            _require_local(headers, target)
            route, args = find_route(self.routes, method, target)
            blocks = _receive_body(client, headers, LARGEST_OBJECT if route.streams else LARGEST_BODY)
            body = b"" if route.streams else await _join(blocks)
            return await self._handle(route, ApiRequest(method, target, headers, body, blocks, args))
        except ApiError as error:
            return _error(error)
        except ValueError as error:
            return _http_error(400, str(error))

    async def _handle(self, route: Route, request: ApiRequest) -> Answer:
        """Run a handler; what changes something is audited, whether it succeeds or not."""
        service = _service(request)
        try:
            if route.needs_token:
                self._require_token(request)
            if route.api:
                self.faults.refuse(service, changes=bool(route.action))
            if route.api and route.action and self.faults.meet(FaultKind.FOREIGN_WRITER, service):
                self.intrude(service)
            answer = await route.handler(request)
        except ApiError as error:
            answer = _error(error, service)
        except LOST:
            raise
        except Exception:
            traceback.print_exc()
            answer = _http_error(500, "Internal error, see the server's stderr.", service)
        if route.action and not request.flag("validateOnly"):
            self.audit.record(
                request.method, request.path, route.action, answer.service, answer.revision, answer.status
            )
        if route.action and route.api and self.faults.meet(FaultKind.DROPPED_ANSWER, service):
            raise AnswerDropped
        if request.method == "GET" and route.api == "run" and answer.status == 200 and "operation" not in request.args:
            return replace(answer, document=self.faults.stale(service, request.path, answer.document))
        return answer

    def _require_token(self, request: ApiRequest) -> None:
        sent = request.headers.get(TOKEN_HEADER, "")
        if not hmac.compare_digest(sent.encode(), self.token.encode()):
            raise forbidden(f"This needs the header {TOKEN_HEADER} with the token from server.json.")


def _service(request: ApiRequest) -> str:
    """The service that a request is about, empty when it is about none or names it only in its body."""
    return request.args.get("service") or request.parameter("serviceId")


def _require_local(headers: Mapping[str, str], target: Target) -> None:
    """Refuse what a web page could have sent: other origins, and names that were made to resolve to loopback.

    No page can have a browser write a whole URL, as to a proxy.
    """
    from_page = "origin" in headers or headers.get("sec-fetch-site", "none") != "none"
    if from_page or not (target.api or is_local(headers.get("host", ""))):
        raise forbidden("Only programs on this machine may talk to this server, by 127.0.0.1 or localhost.")


async def _receive_body(client: Peer, headers: Mapping[str, str], largest: int) -> AsyncIterator[bytes]:
    """The blocks of a request's body as they come."""
    received, announced = 0, int(headers.get("content-length", 0))
    if announced <= largest and client.protocol.they_are_waiting_for_100_continue:
        await client.send(h11.InformationalResponse(status_code=100, headers=[]))
    while max(received, announced) <= largest:
        async with asyncio.timeout(PATIENCE):
            event = await client.receive()
        if not isinstance(event, h11.Data):
            return
        received += len(event.data)
        yield bytes(event.data)
    raise too_large(f"The request body is larger than {largest} bytes.")


async def _join(blocks: AsyncIterator[bytes]) -> bytes:
    body = bytearray()
    async for block in blocks:
        body += block
    return bytes(body)


async def _send(client: Peer, answer: Answer) -> None:
    document = json.dumps(answer.document).encode()
    await client.answer(answer.status, "application/json; charset=UTF-8", document, *answer.headers.items())


def _error(error: ApiError, service: str = "") -> Answer:
    return Answer(error.document(), service, status=error.code)


def _http_error(status: int, message: str, service: str = "") -> Answer:
    names = {400: "INVALID_ARGUMENT", 500: "INTERNAL"}
    return _error(ApiError(status, names.get(status, "INVALID_ARGUMENT"), message), service)
