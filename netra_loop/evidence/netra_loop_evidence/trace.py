"""Lets a target's own log confirm a test: its requests carry a trace id that nobody else can know.

The id follows W3C Trace Context (``traceparent``), which Cloud Run adopts for its request log; the user agent repeats
half of it, should it not. A request that names a trace of its own keeps it, and nobody but declared targets is told.
Only clients written in Python can be reached: http.client (urllib, requests), httpx, aiohttp, websockets.
"""

from __future__ import annotations

import functools
import hashlib
import http.client
import secrets
import sys
from collections.abc import Callable
from typing import Any

from netra_loop_sockets import Targets

_DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_AGENT = "netra-loop"


def trace_of(nonce: str, test: str, attempt: int) -> str:
    """The trace id of one attempt at a test: 32 hexadecimal digits, unguessable without the run's nonce."""
    return hashlib.sha256(f"{nonce}\n{test}\n{attempt}".encode("utf-8", "replace")).hexdigest()[:32]


class Tracer:
    """Marks what the running test asks its targets; ``trace`` says for whom, ``sent`` that it was told."""

    def __init__(self, targets: Targets, trace: Callable[[], str], sent: Callable[[], None]) -> None:
        """trace: the id of the attempt that may be marked now, empty for none; sent: a request carries it."""
        self._targets = targets
        self._trace = trace
        self._sent = sent
        self._found: set[str] = set()

    def install(self) -> None:
        """Wrap the standard library's client, for the life of the process."""
        _before(http.client.HTTPConnection, "endheaders", self._mark_http_client)

    def look_for_imports(self) -> None:
        """Wrap the clients that have been imported since the last look."""
        for module, wrap in (
            ("httpx", self._wrap_httpx),
            ("httpx2", self._wrap_httpx),
            ("aiohttp.client_reqrep", self._wrap_aiohttp),
            ("websockets.http11", self._wrap_websockets),
        ):
            if module not in self._found and module in sys.modules:
                self._found.add(module)
                wrap(sys.modules[module])

    def _wrap_httpx(self, module: Any) -> None:
        for name, method in (("HTTPTransport", "handle_request"), ("AsyncHTTPTransport", "handle_async_request")):
            transport = getattr(module, name)
            setattr(transport, method, self._with_marked_copy(getattr(transport, method), module.Request))

    def _wrap_aiohttp(self, module: Any) -> None:
        _before(module.ClientRequest, "send", self._mark_aiohttp)

    def _wrap_websockets(self, module: Any) -> None:
        _before(module.Request, "serialize", self._mark_websocket)

    def _with_marked_copy(self, handle: Callable[..., Any], request_type: Any) -> Callable[..., Any]:
        """httpx builds a redirect's request from the one before: what we add must not travel to another host."""

        @functools.wraps(handle)
        def marked(transport: Any, request: Any) -> Any:
            __tracebackhide__ = True
            fields = self._fields(request.url.host, request.url.port, request.url.scheme, request.headers)
            if not fields:
                return handle(transport, request)
            headers = request.headers.copy()
            headers.update(fields)
            extensions = request.extensions
            copy = request_type(
                request.method, request.url, headers=headers, stream=request.stream, extensions=extensions
            )
            return handle(transport, copy)

        return marked

    def _mark_http_client(self, connection: Any) -> None:
        lines: list[bytes] = connection._buffer
        headers = dict(line.decode("latin-1").partition(":")[::2] for line in lines[1:])
        scheme = "https" if connection.default_port == _DEFAULT_PORTS["https"] else "http"
        fields = self._fields(connection.host, connection.port, scheme, _Named(headers))
        lines[:] = [line for line in lines if line.partition(b":")[0].decode("latin-1").lower() not in fields]
        lines += [f"{name}: {value}".encode("latin-1") for name, value in fields.items()]

    def _mark_aiohttp(self, request: Any) -> None:
        request.headers.update(self._fields(request.url.host, request.url.port, request.url.scheme, request.headers))

    def _mark_websocket(self, request: Any) -> None:
        host, _, port = request.headers.get("host", "").rpartition(":")
        fields = self._fields(host.strip("[]"), int(port) if port.isdigit() else None, "ws", request.headers)
        for name, value in fields.items():
            if name in request.headers:
                del request.headers[name]
            request.headers[name] = value

    def _fields(self, host: Any, port: int | None, scheme: str, headers: Any) -> dict[str, str]:
        """The headers that mark a request, none for one that is not to be marked."""
        trace = self._trace()
        peer = self._targets.peer((host, port or _DEFAULT_PORTS.get(scheme, 0)))
        if not trace or peer is None or peer.target is None or "traceparent" in headers:
            return {}
        self._sent()
        agent = f"{headers.get('user-agent', '')} {_AGENT}/{trace[:16]}".strip()
        return {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01", "user-agent": agent}


class _Named:
    """Headers by name whatever its case."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = {name.strip().lower(): value.strip() for name, value in headers.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._headers

    def get(self, name: str, default: str) -> str:
        return self._headers.get(name, default)


def _before(owner: Any, name: str, mark: Callable[[Any], None]) -> None:
    """Call ``mark(self)`` each time ``owner.name`` is about to be called."""
    method = getattr(owner, name)

    @functools.wraps(method)
    def marked(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        mark(self)
        return method(self, *args, **kwargs)

    setattr(owner, name, marked)
