"""One bounded HTTP exchange, and who answers at a URL."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import anyio

import netra_loop
from netra_loop.adapters.access.tokens import NoAccess
from netra_loop.adapters.address import Address
from netra_loop.adapters.reach import Reach, Resolve, look_up
from netra_loop.adapters.tls import context, problem
from netra_loop.core.access import denied
from netra_loop.core.health import Answer, named_revision
from netra_loop.core.target import Target

if TYPE_CHECKING:
    import httpx

BODY_CAP = 1024 * 1024  # bytes
PROBE_TIMEOUT = 5.0  # seconds for one whole exchange
MOST_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)
_ANY_ZLIB = 47  # window bits with which zlib finds out by itself whether it is gzip
IDENTITY_ANSWERS = 3
IDENTITY_PATIENCE = 20.0  # seconds
USER_AGENT = f"ultimate-test-deploy-loop/{netra_loop.__version__}"


class Unanswered(Exception):
    """No answer that could be judged came; the message says why."""


def client(target: Target, resolve: Resolve = look_up) -> httpx.AsyncClient:
    """A client for one target, that follows no redirect, asks for no compression and heeds no proxy variable.

    Its requests raise Refused instead of going where a target cannot be.
    """
    import httpx

    from netra_loop.adapters.guarded import GuardedTransport

    headers = {"accept-encoding": "identity", "user-agent": USER_AGENT}
    transport = GuardedTransport(Reach(target.local, resolve), context(insecure=target.insecure))
    return httpx.AsyncClient(
        headers=headers, follow_redirects=False, trust_env=False, transport=transport, timeout=None
    )


async def fetch(
    http: httpx.AsyncClient,
    url: str,
    timeout: float = PROBE_TIMEOUT,
    redirects: Sequence[str] = (),
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Answer:
    """GET within `timeout` seconds in all, at most 1 MiB of body. Raises Unanswered.

    headers: what lets us in, for this URL and no other. redirects: the hosts (with their port where it is not the
    usual one) that an answer may lead to, at most 3 times; any other redirect is an answer like every other.
    """
    import httpx

    try:
        with anyio.fail_after(timeout):
            answer = await _exchange(http, url, headers)
            for _ in range(MOST_REDIRECTS):
                onward = _onward(url, answer, redirects)
                if not onward:
                    break
                url = onward
                answer = await _exchange(http, url, {})
            return answer
    except TimeoutError:
        raise Unanswered(f"{url}: no whole answer in {timeout:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise Unanswered(f"{url}: {problem(error) or f'{type(error).__name__}: {error}'}") from error


async def _exchange(http: httpx.AsyncClient, url: str, headers: Mapping[str, str]) -> Answer:
    async with http.stream("GET", url, headers=headers) as response:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > BODY_CAP:
                raise Unanswered(f"{url}: the body is larger than {BODY_CAP} bytes")
        told = {name.lower(): value for name, value in response.headers.items()}
        plain = _decoded(url, bytes(body), told.get("content-encoding", "identity").lower())
        return Answer(response.status_code, told, plain.decode("utf-8", "replace"))


def _onward(url: str, answer: Answer, redirects: Sequence[str]) -> str:
    """Where a redirect leads, if it may be followed; empty for every other answer."""
    import httpx

    if answer.status not in _REDIRECTS or "location" not in answer.headers:
        return ""
    target = httpx.URL(url).join(answer.headers["location"])
    allowed = target.netloc.decode() in redirects and target.scheme in ("https", httpx.URL(url).scheme)
    return str(target) if allowed else ""


def _decoded(url: str, body: bytes, encoding: str) -> bytes:
    """A body that was encoded though nobody asked for it; what it grows to is bounded too."""
    if encoding == "identity":
        return body
    if encoding not in ("gzip", "deflate"):
        raise Unanswered(f"{url}: the body is encoded as {encoding!r}, which nobody asked for")
    try:
        plain = zlib.decompressobj(_ANY_ZLIB).decompress(body, BODY_CAP + 1)
    except zlib.error as error:
        raise Unanswered(f"{url}: the body is no {encoding}: {error}") from None
    if len(plain) > BODY_CAP:
        raise Unanswered(f"{url}: the body is larger than {BODY_CAP} bytes")
    return plain


def _nobody(target: Target, answer: Answer) -> str:
    """An answer that names no revision. Raises NoAccess where that is because we were not let in."""
    if why := denied(target.access, 200, answer):
        raise NoAccess(f"{target.name}: {why}")
    return "no revision"


@dataclass(frozen=True, slots=True)
class Identified:
    """Whether the answers at a URL named a revision; answers: how many in a row did, at the end."""

    how: str
    answers: int
    verified: bool


async def identify(target: Target, address: Address) -> Identified:
    """Ask until enough answers in a row name the revision; without a declared identity nothing can be wrong.

    Raises NoAccess where we are not let in.
    """
    revision = address.revision
    if target.identity is None:
        return Identified("unverified: the service declares no identity", 0, verified=True)
    identity = target.identity
    where = f"header {identity.header}" if identity.header else f"{identity.path} {identity.pointer}"
    row, last, other = 0, "", "nothing"
    async with client(target) as http:
        with anyio.move_on_after(IDENTITY_PATIENCE):
            while row < IDENTITY_ANSWERS:
                try:
                    answer = await fetch(http, address.url + identity.path, headers=address.headers)
                    last = named_revision(identity, answer) or _nobody(target, answer)
                except Unanswered as error:
                    last = str(error)
                row = row + 1 if last == revision else 0
                if last != revision:
                    other = last
                    await anyio.sleep(0.2)
    if row == IDENTITY_ANSWERS:
        return Identified(f"verified by {where}", row, verified=True)
    return Identified(f"{where} named {other}, not {revision}", row, verified=False)
