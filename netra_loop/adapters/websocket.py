"""Kind `websocket`: connect, wait for the first message, send, wait for an event; each step timed by itself."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio

from netra_loop.adapters.cloudrun import CloudRun
from netra_loop.adapters.http import USER_AGENT
from netra_loop.adapters.locate import Address, found
from netra_loop.core.events import Act, HandleKnown
from netra_loop.core.health import MISSING, parsed, unmet
from netra_loop.core.outcome import Outcome
from netra_loop.core.problem import Evidence
from netra_loop.core.seen import Result, WebSocketSeen
from netra_loop.core.session import Session
from netra_loop.core.target import Scalar, Target, WebSocketCheck
from netra_loop.ports import Say

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

MESSAGE_CAP = 1024 * 1024  # bytes
CLOSING = 1.0  # seconds a peer may take to let go


class WebSocketRunner:
    def __init__(self, cloud: CloudRun) -> None:
        self._cloud = cloud

    async def run(self, act: Act, session: Session, say: Say) -> Result:
        """PASSED when everything came in time, FAILED with the step that did not, ERRORED with nothing to look at."""
        target = session.plan.environment.target(act.subject)
        address = await found(self._cloud, session, act, target)
        if isinstance(address, Result):
            return address
        check = target.websocket or WebSocketCheck("/")
        say(HandleKnown(act.id, {"command": f"WebSocket {websocket_url(address.url)}{check.path}"}))
        return await check_websocket(target, address)


@dataclass(slots=True)
class _Progress:
    """How far a check got; times in seconds."""

    doing: str = "connecting"
    connect_s: float | None = None
    first_s: float | None = None
    event_s: float | None = None
    heard: str = ""


def websocket_url(url: str) -> str:
    """The WebSocket base of an HTTP base URL."""
    return "ws" + url.removeprefix("http")


async def check_websocket(target: Target, address: Address) -> Result:
    """One whole WebSocket check of a target at an address; also what the `health` command does."""
    check = target.websocket or WebSocketCheck("/")
    url = websocket_url(address.url) + check.path
    progress = _Progress()
    finding = ""
    try:
        with anyio.fail_after(check.deadline):
            finding = await _talk(url, check, progress)
    except TimeoutError:
        finding = f"nothing came in {check.deadline:g} s while {progress.doing}"
    except Exception as error:  # the library raises OSError, its own errors and more: each means the peer is wrong
        finding = f"{progress.doing}: {type(error).__name__}: {error}"
    seen = WebSocketSeen(target.name, url, progress.connect_s, progress.first_s, progress.event_s)
    evidence = (Evidence(f"last message of {url}", progress.heard[:4096], truncated=len(progress.heard) > 4096),)
    return Result(Outcome.FAILED if finding else Outcome.PASSED, (finding,) if finding else (), seen, evidence)


async def _talk(url: str, check: WebSocketCheck, progress: _Progress) -> str:
    """Go through the steps; the first thing that is not as declared, empty when all is."""
    started = time.perf_counter()
    socket = await _connected(url)
    try:
        progress.connect_s, started = _lap(started)
        if check.first:
            progress.doing = "waiting for the first message"
            progress.heard = _text(await socket.recv())
            progress.first_s, started = _lap(started)
            findings = _unmet(progress.heard, check.first)
            if findings:
                return f"first message: {'; '.join(findings)}"
        if check.send:
            progress.doing = "sending"
            await socket.send(check.send)
        if check.event:
            progress.doing = "waiting for the event"
            progress.heard = _text(await socket.recv())
            while _unmet(progress.heard, check.event):
                progress.heard = _text(await socket.recv())
            progress.event_s = _lap(started)[0]
    finally:  # how a peer lets go is no part of the check, and a connection is never left behind
        with anyio.move_on_after(2 * CLOSING, shield=True):
            await socket.close()
    return ""


async def _connected(url: str) -> ClientConnection:
    """A connection to exactly this address: a redirect is an answer like any other that is no handshake."""
    from websockets.asyncio.client import connect

    class Direct(connect):
        def process_redirect(self, exc: Exception) -> Exception | str:
            return exc

    return await Direct(
        url,
        open_timeout=None,
        close_timeout=CLOSING,
        max_size=MESSAGE_CAP,
        compression=None,
        proxy=None,
        user_agent_header=USER_AGENT,
    )


def _lap(started: float) -> tuple[float, float]:
    now = time.perf_counter()
    return round(now - started, 4), now


def _text(message: str | bytes) -> str:
    return message if isinstance(message, str) else message.decode("utf-8", "replace")


def _unmet(message: str, expected: Mapping[str, Scalar]) -> list[str]:
    document: Any = parsed(message)
    return ["it is not JSON"] if document is MISSING else unmet(document, expected)
