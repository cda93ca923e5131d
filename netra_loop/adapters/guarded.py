"""The transport of our HTTP requests to targets: each of them, and each hop of a redirect, goes where it may only."""

from __future__ import annotations

import ssl

import httpx

from netra_loop.adapters.reach import Reach

_PORTS = {"http": 80, "https": 443}


class GuardedTransport(httpx.AsyncHTTPTransport):
    """Connects to the address that was checked; the host's name stays in the request and in TLS."""

    def __init__(self, reach: Reach, context: ssl.SSLContext) -> None:
        super().__init__(verify=context, limits=httpx.Limits(max_connections=None))
        self._reach = reach

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        address = await self._resolved(url, request)
        extensions = {**request.extensions, "sni_hostname": url.host} if url.scheme == "https" else request.extensions
        pinned = httpx.Request(
            request.method, url.copy_with(host=address), headers=request.headers, stream=request.stream,
            extensions=extensions,
        )  # fmt: skip
        return await super().handle_async_request(pinned)

    async def _resolved(self, url: httpx.URL, request: httpx.Request) -> str:
        try:
            return await self._reach.address(url.scheme, url.host, url.port or _PORTS.get(url.scheme, 0))
        except OSError as error:
            raise httpx.ConnectError(str(error), request=request) from error
