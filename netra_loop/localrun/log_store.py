"""The log entries kept, in memory and bounded, and reading them page by page."""

import asyncio
import base64
import binascii
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from netra_loop.localrun import clock
from netra_loop.localrun.errors import invalid
from netra_loop.localrun.fields import Document

CAPACITY = 100_000
VOLUME = 256 * 1024 * 1024
BREATH = 2_000  # entries looked at before others get their turn

Predicate = Callable[[Document], bool]
Position = tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry and where it stands: by its timestamp, and by arrival among equal ones."""

    position: Position
    entry: Document
    size: int


@dataclass(frozen=True, slots=True)
class Page:
    entries: list[Document]
    next_token: str


class LogStore:
    """The newest entries: at most `capacity` of them and of about `volume` bytes; older ones fall out."""

    def __init__(self, capacity: int = CAPACITY, volume: int = VOLUME) -> None:
        self._kept: deque[Kept] = deque()
        self._capacity = capacity
        self._volume = volume
        self._arrived = 0
        self._bytes = 0

    def append(self, entry: Document, size: int = 0) -> None:
        """Keep a LogEntry with a valid RFC 3339 timestamp; `size` is about how many bytes its payload has."""
        self._arrived += 1
        self._bytes += size
        self._kept.append(Kept((clock.parse(entry["timestamp"]), self._arrived), entry, size))
        while len(self._kept) > self._capacity or self._bytes > self._volume:
            self._bytes -= self._kept.popleft().size

    async def page(self, matches: Predicate, newest_first: bool, size: int, token: str) -> Page:
        """The next `size` matching entries in order of time; an empty token begins."""
        after = _read_token(token)
        found = [kept for kept in await self._find(matches) if _is_ahead(kept.position, after, newest_first)]
        found.sort(key=lambda kept: kept.position, reverse=newest_first)
        more = len(found) > size
        return Page([kept.entry for kept in found[:size]], _write_token(found[size - 1].position) if more else "")

    async def matching(self, matches: Predicate) -> list[Document]:
        """All matching entries, oldest first."""
        return [kept.entry for kept in sorted(await self._find(matches), key=lambda kept: kept.position)]

    async def _find(self, matches: Predicate) -> list[Kept]:
        found = []
        for count, kept in enumerate(list(self._kept)):
            if count % BREATH == BREATH - 1:
                await asyncio.sleep(0)
            if matches(kept.entry):
                found.append(kept)
        return found


def _is_ahead(position: Position, after: Position | None, newest_first: bool) -> bool:
    if after is None:
        return True
    return position < after if newest_first else position > after


def _write_token(position: Position) -> str:
    return base64.urlsafe_b64encode(f"{position[0].isoformat()} {position[1]}".encode()).decode()


def _read_token(token: str) -> Position | None:
    if not token:
        return None
    try:
        moment, _, number = base64.urlsafe_b64decode(token.encode()).decode().partition(" ")
        return clock.parse(moment), int(number)
    except (ValueError, binascii.Error):
        raise invalid(f"page_token: '{token}' is not one of ours") from None
