"""Kind `websocket`: connect, wait for the first message, send, wait for an event; each step timed by itself."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio

from netra_loop.adapters.access.tokens import NoAccess
from netra_loop.adapters.address import Address
from netra_loop.adapters.cloudrun import CloudRun
from netra_loop.adapters.http import USER_AGENT
from netra_loop.adapters.locate import found
from netra_loop.adapters.reach import Reach, Refused
from netra_loop.adapters.tls import context, problem
from netra_loop.core.access import denied
from netra_loop.core.events import Act, HandleKnown
from netra_loop.core.health import MISSING, Answer, parsed, unmet
from netra_loop.core.outcome import Outcome
from netra_loop.core.problem import Evidence
from netra_loop.core.seen import Result, WebSocketSeen
from netra_loop.core.session import Session
from netra_loop.core.target import Scalar, Target, WebSocketCheck
from netra_loop.core.watch import percentile
from netra_loop.ports import Say

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.exceptions import ConnectionClosed

MESSAGE_CAP = 1024 * 1024  # bytes
CLOSING = 1.0  # seconds a peer may take to let go
COME_BACK_AFTER = 0.2  # seconds
_COME_BACK = (1012, 1013)  # service restart, try again later (IANA's registry of close codes)


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
    """How far one connection got; times in seconds."""

    doing: str = "connecting"
    limit: str = "open_deadline"
    connect_s: float | None = None
    first_s: float | None = None
    event_s: float | None = None
    heard: str = ""
    finding: str = ""
    cut_by: str = ""


def websocket_url(url: str) -> str:
    """The WebSocket base of an HTTP base URL."""
    return "ws" + url.removeprefix("http")


async def check_websocket(target: Target, address: Address) -> Result:
    """One whole WebSocket check of a target at an address, on as many connections side by side as it declares.

    ERRORED where we may not ask. Also what the `health` command does.
    """
    check = target.websocket or WebSocketCheck("/")
    url = websocket_url(address.url) + check.path
    found = [_Progress() for _ in range(check.connections)]
    refused: list[Refused | NoAccess] = []

    async def talk(progress: _Progress) -> None:
        try:
            await _one(target, address, check, progress)
        except (Refused, NoAccess) as error:
            refused.append(error)

    async with anyio.create_task_group() as tasks:
        for progress in found:
            tasks.start_soon(talk, progress)
    if refused:
        return Result(Outcome.ERRORED, (str(refused[0]),))
    return _result(target, url, check, found)


def _result(target: Target, url: str, check: WebSocketCheck, found: Sequence[_Progress]) -> Result:
    connects, firsts, events = (
        sorted(seconds for seconds in times if seconds is not None)
        for times in (
            [each.connect_s for each in found],
            [each.first_s for each in found],
            [each.event_s for each in found],
        )
    )
    seen = WebSocketSeen(
        target=target.name,
        url=url,
        connect_s=percentile(connects, 50),
        first_message_s=percentile(firsts, 50),
        event_s=percentile(events, 50),
        connections=len(found),
        opened=len(connects),
        greeted=len(firsts),
        answered=len(events),
        connect_p95_s=percentile(connects, 95),
        first_message_p95_s=percentile(firsts, 95),
        cut_off=dict(Counter(each.cut_by for each in found if each.cut_by)),
    )
    kinds = Counter(each.finding for each in found if each.finding)
    reasons = tuple(kinds) if len(found) == 1 else tuple(f"{n} of {len(found)}: {why}" for why, n in kinds.items())
    heard = max(found, key=lambda each: bool(each.finding)).heard
    evidence = (Evidence(f"last message of {url}", heard[:4096], truncated=len(heard) > 4096),)
    return Result(Outcome.FAILED if reasons else Outcome.PASSED, reasons, seen, evidence)


async def _one(target: Target, address: Address, check: WebSocketCheck, progress: _Progress) -> None:
    """One connection to its end, within the deadline; one that is told to come back later does so once."""
    from websockets.exceptions import ConnectionClosed

    try:
        with anyio.fail_after(check.deadline):
            try:
                progress.finding = await _talk(target, address, check, progress)
            except ConnectionClosed as closed:
                if closed.rcvd is None or closed.rcvd.code not in _COME_BACK:
                    raise
                await anyio.sleep(COME_BACK_AFTER)
                progress.doing, progress.limit = "connecting again", "open_deadline"
                progress.finding = await _talk(target, address, check, progress)
    except TimeoutError:
        limits = {"open_deadline": check.open_deadline, "first_deadline": check.first_deadline}
        seconds = min(limits.get(progress.limit, check.deadline), check.deadline)
        progress.cut_by = progress.limit if seconds < check.deadline else "deadline"
        progress.finding = f"nothing came in {seconds:g} s while {progress.doing} ({progress.cut_by})"
    except (Refused, NoAccess):
        raise
    except ConnectionClosed as closed:
        progress.finding = f"{progress.doing}: {_closed(closed)}"
    except Exception as error:  # the library raises OSError, its own errors and more: each means the peer is wrong
        progress.finding = f"{progress.doing}: {problem(error) or f'{type(error).__name__}: {error}'}"


def _closed(closed: ConnectionClosed) -> str:
    """Who closed, with which code, and what that means."""
    if closed.rcvd is not None:
        return f"closed by the peer with {closed.rcvd}"
    if closed.sent is not None:
        return f"closed by us with {closed.sent}"
    return "broken off without a close, which counts as 1006 (abnormal closure)"


async def _talk(target: Target, address: Address, check: WebSocketCheck, progress: _Progress) -> str:
    """Go through the steps; the first thing that is not as declared, empty when all is."""
    started = time.perf_counter()
    with anyio.fail_after(check.open_deadline):
        socket = await _connected(target, address, check)
    try:
        progress.connect_s, started = _lap(started)
        if check.first:
            progress.doing, progress.limit = "waiting for the first message", "first_deadline"
            with anyio.fail_after(check.first_deadline):
                progress.heard = _text(await socket.recv())
            progress.first_s, started = _lap(started)
            findings = _unmet(progress.heard, check.first)
            if findings:
                return f"first message: {'; '.join(findings)}"
        progress.limit = "deadline"
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


async def _connected(target: Target, address: Address, check: WebSocketCheck) -> ClientConnection:
    """A connection to exactly this address: a redirect is an answer like any other that is no handshake.

    Raises NoAccess where we are not let in.
    """
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidStatus

    class Direct(connect):
        def process_redirect(self, exc: Exception) -> Exception | str:
            return exc

    url = websocket_url(address.url) + check.path
    place = urlsplit(url)
    host, port = str(place.hostname), place.port or (443 if place.scheme == "wss" else 80)
    pinned = await Reach(target.local).address(place.scheme, host, port)
    tls: dict[str, Any] = {}
    if place.scheme == "wss":
        tls = {"ssl": context(insecure=target.insecure), "server_hostname": host}
    opening = Direct(
        url,
        host=pinned,
        port=port,
        **tls,
        open_timeout=None,
        close_timeout=CLOSING,
        max_size=MESSAGE_CAP,
        compression=None,
        proxy=None,
        user_agent_header=USER_AGENT,
        additional_headers=address.headers,
    )
    try:
        return await opening
    except InvalidStatus as error:
        told = {name.lower(): value for name, value in error.response.headers.raw_items()}
        if why := denied(target.access, 101, Answer(error.response.status_code, told, "")):
            raise NoAccess(f"{target.name}: {why}") from error
        raise


def _lap(started: float) -> tuple[float, float]:
    now = time.perf_counter()
    return round(now - started, 4), now


def _text(message: str | bytes) -> str:
    return message if isinstance(message, str) else message.decode("utf-8", "replace")


def _unmet(message: str, expected: Mapping[str, Scalar]) -> list[str]:
    document: Any = parsed(message)
    return ["it is not JSON"] if document is MISSING else unmet(document, expected)
