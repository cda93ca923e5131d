"""One bounded HTTP exchange, and who answers at a URL."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import anyio

import netra_loop
from netra_loop.core.health import Answer, named_revision
from netra_loop.core.target import Target

if TYPE_CHECKING:
    import httpx

BODY_CAP = 1024 * 1024  # bytes
PROBE_TIMEOUT = 5.0  # seconds for one whole exchange
IDENTITY_ANSWERS = 3
IDENTITY_PATIENCE = 20.0  # seconds
USER_AGENT = f"ultimate-test-deploy-loop/{netra_loop.__version__}"


class Unanswered(Exception):
    """No answer that could be judged came; the message says why."""


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def client() -> httpx.AsyncClient:
    """A client that follows no redirect, asks for no compression and heeds no proxy variable."""
    import httpx

    headers = {"accept-encoding": "identity", "user-agent": USER_AGENT}
    return httpx.AsyncClient(headers=headers, follow_redirects=False, trust_env=False, verify=_tls(), timeout=None)


async def fetch(http: httpx.AsyncClient, url: str, timeout: float = PROBE_TIMEOUT) -> Answer:
    """GET within `timeout` seconds in all, at most 1 MiB of body. Raises Unanswered."""
    import httpx

    try:
        with anyio.fail_after(timeout):
            async with http.stream("GET", url) as response:
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > BODY_CAP:
                        raise Unanswered(f"{url}: the body is larger than {BODY_CAP} bytes")
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, headers, body.decode("utf-8", "replace"))
    except TimeoutError:
        raise Unanswered(f"{url}: no whole answer in {timeout:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise Unanswered(f"{url}: {type(error).__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class Identified:
    """Whether the answers at a URL named a revision; answers: how many in a row did, at the end."""

    how: str
    answers: int
    verified: bool


async def identify(target: Target, url: str, revision: str) -> Identified:
    """Ask until enough answers in a row name the revision; without a declared identity nothing can be wrong."""
    if target.identity is None:
        return Identified("unverified: the service declares no identity", 0, verified=True)
    identity = target.identity
    where = f"header {identity.header}" if identity.header else f"{identity.path} {identity.pointer}"
    row, last = 0, "nothing"
    async with client() as http:
        with anyio.move_on_after(IDENTITY_PATIENCE):
            while row < IDENTITY_ANSWERS:
                try:
                    last = named_revision(identity, await fetch(http, url + identity.path)) or "no revision"
                except Unanswered as error:
                    last = str(error)
                row = row + 1 if last == revision else 0
                if last != revision:
                    await anyio.sleep(0.2)
    if row == IDENTITY_ANSWERS:
        return Identified(f"verified by {where}", row, verified=True)
    return Identified(f"{where} named {last}, not {revision}", row, verified=False)
