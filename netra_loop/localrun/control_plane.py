"""The control plane's connections: HTTP/1.1 in, one handler each, JSON out, and nothing brings the server down."""

import asyncio
import hmac
import json
import traceback
from collections.abc import Mapping
from dataclasses import dataclass

import h11

from netra_loop.localrun.activity import Activity
from netra_loop.localrun.audit import Audit
from netra_loop.localrun.errors import ApiError, forbidden, too_large
from netra_loop.localrun.faults import FaultKind, Faults
from netra_loop.localrun.fields import Document
from netra_loop.localrun.http1 import Peer, is_local
from netra_loop.localrun.http_api import Answer, ApiRequest, Route, Target, find_route, parse_target

LARGEST_BODY = 8 * 1024 * 1024
PATIENCE = 120.0  # seconds a connection may stay silent, within a request or between two
TOKEN_HEADER = "x-netra-local-token"


class AnswerDropped(Exception):
    """A fault: what was asked for is done, and nobody is told."""


@dataclass(slots=True)
class ControlPlane:
    """Serves a route table. `token` is what /_local/ calls that change something must carry."""

    routes: list[Route]
    audit: Audit
    activity: Activity
    faults: Faults
    token: str

    async def serve_one(self, client: Peer) -> bool:
        """Answer the next request of a client; False when there was none or it was no HTTP."""
        try:
            async with asyncio.timeout(PATIENCE):
                head = await client.receive()
            if not isinstance(head, h11.Request):
                return False
            with self.activity.request():
                status, document = await self._answer(client, head)
                await _send(client, status, document)
        except h11.RemoteProtocolError as error:
            if client.protocol.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                await _send(client, error.error_status_hint, _http_error(error.error_status_hint, str(error)))
            return False
        except AnswerDropped:
            client.wire.abort()
            return False
        return True

    async def _answer(self, client: Peer, head: h11.Request) -> tuple[int, Document]:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
        method = head.method.decode("latin-1")
        try:
            target = parse_target(head.target.decode("latin-1"))
            _require_local(headers, target)
            body = await _read_body(client, headers)
            route, args = find_route(self.routes, method, target)
            return await self._handle(route, ApiRequest(method, target, headers, body, args))
        except ApiError as error:
            return error.code, error.document()
        except ValueError as error:
            return 400, _http_error(400, str(error))

    async def _handle(self, route: Route, request: ApiRequest) -> tuple[int, Document]:
        """Run a handler; what changes something is audited, whether it succeeds or not."""
        service = _service(request)
        status, answer = 200, Answer({}, service)
        try:
            if route.needs_token:
                self._require_token(request)
            if route.api:
                self.faults.refuse(service, changes=bool(route.action))
            answer = await route.handler(request)
        except ApiError as error:
            status, answer = error.code, Answer(error.document(), answer.service)
        except Exception:
            traceback.print_exc()
            status, answer = 500, Answer(_http_error(500, "Internal error, see the server's stderr."), answer.service)
        if route.action and not request.flag("validateOnly"):
            self.audit.record(request.method, request.path, route.action, answer.service, answer.revision, status)
        if route.action and route.api and self.faults.meet(FaultKind.DROPPED_ANSWER, service):
            raise AnswerDropped
        if request.method == "GET" and route.api == "run" and status == 200 and "operation" not in request.args:
            return status, self.faults.stale(service, request.path, answer.document)
        return status, answer.document

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


async def _read_body(client: Peer, headers: Mapping[str, str]) -> bytes:
    if int(headers.get("content-length", 0)) > LARGEST_BODY:
        raise too_large(f"The request body is larger than {LARGEST_BODY} bytes.")
    if client.protocol.they_are_waiting_for_100_continue:
        await client.send(h11.InformationalResponse(status_code=100, headers=[]))
    body = bytearray()
    async with asyncio.timeout(PATIENCE):
        while isinstance(event := await client.receive(), h11.Data):
            body += event.data
            if len(body) > LARGEST_BODY:
                raise too_large(f"The request body is larger than {LARGEST_BODY} bytes.")
    return bytes(body)


async def _send(client: Peer, status: int, document: Document) -> None:
    await client.answer(status, "application/json; charset=UTF-8", json.dumps(document).encode())


def _http_error(status: int, message: str) -> Document:
    names = {400: "INVALID_ARGUMENT", 500: "INTERNAL"}
    return ApiError(status, names.get(status, "INVALID_ARGUMENT"), message).document()
