"""The log entries kept: they come in one by one, are written behind, and are read page by page."""

import asyncio
import base64
import binascii
import json
import sqlite3
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TypeVar

from netra_loop.localrun.errors import ApiError, invalid
from netra_loop.localrun.fields import Document
from netra_loop.localrun.logs.file import LogFile, Position
from netra_loop.localrun.logs.index import (
    Condition,
    Row,
    both,
    column_condition,
    microseconds,
    normal,
    row,
    split_log_name,
)
from netra_loop.localrun.logs.match import Filter

VOLUME = 512 * 1024 * 1024
RETENTION = timedelta(days=30)  # of the bucket _Default: cloud.google.com/logging/quotas
AHEAD = timedelta(days=1)  # entries from further ahead are not listed: REST reference of entries.write
MOST_WAITING = 100_000  # entries that wait to be written: some 100 MB when they are long
DELAY = 0.05  # seconds from an entry's arrival until it is written
BATCH = 1000  # entries written at a time: what one transaction writes is kept twice until the next begins
PATIENCE = 60.0  # seconds that one reading may take
LARGEST_PAGE_TEXT = 1024 * 1024  # characters; a page may have fewer entries than asked for

Result = TypeVar("Result")
Found = tuple[Position, Document, int]  # where an entry stands, the entry, and how many characters it has


@dataclass(frozen=True, slots=True)
class Page:
    entries: list[Document]
    next_token: str


class LogStore:
    """The newest entries, in a file of about `volume` bytes that outlives the server; older ones fall out.

    What cannot be written is lost, and stderr says so once: a server without logs is better than none.
    """

    def __init__(self, path: Path, volume: int = VOLUME, retention: timedelta = RETENTION) -> None:
        self._file = LogFile(path)
        self._volume = volume
        self._retention = retention
        self._waiting: deque[Row] = deque()
        self._due = threading.Event()
        self._closed = False
        self._failed = False
        self._writing = threading.Lock()
        self._write([])  # so that there is a file to read
        self._writer = threading.Thread(target=self._write_behind, daemon=True)
        self._writer.start()

    def append(self, entry: Document) -> None:
        """Keep a LogEntry with a log name and a valid RFC 3339 timestamp; every later reading sees it.

        Any thread may call this.
        """
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(row(entry))
        else:
            self._lose("they come faster than they can be written")
        self._due.set()

    async def page(self, wanted: Filter, newest_first: bool, size: int, token: str) -> Page:
        """The next `size` matching entries in order of time, then of arrival; an empty token begins."""
        after = _read_token(token)
        return await asyncio.to_thread(self._read, lambda: self._page(wanted, newest_first, size, after))

    async def log_names(self, project: str) -> list[str]:
        """The names of a project's logs that have entries."""
        return await asyncio.to_thread(self._read, lambda: list(self._log_names(project)))

    async def delete(self, project: str, log_id: str) -> bool:
        """Remove all entries of a log; False when it has none."""
        return await asyncio.to_thread(self._read, lambda: self._delete(project, log_id))

    def close(self) -> None:
        """Write what waits, and let go of the file."""
        self._closed = True
        self._due.set()
        self._writer.join()
        self._flush()
        self._file.close()

    def _write_behind(self) -> None:
        while not self._closed:
            self._due.wait()
            time.sleep(DELAY)
            self._due.clear()
            self._flush()

    def _flush(self) -> None:
        """Write what waits; when it returns, all that came before it is in the file, or lost."""
        with self._writing:
            waiting = len(self._waiting)
            for written in range(0, waiting, BATCH):
                self._write([self._waiting.popleft() for _ in range(min(BATCH, waiting - written))])

    def _write(self, rows: list[Row]) -> None:
        try:
            self._file.add(rows, microseconds(datetime.now(UTC) - self._retention), self._volume)
        except (OSError, sqlite3.Error) as error:
            self._lose(str(error))

    def _lose(self, problem: str) -> None:
        if not self._failed:
            sys.stderr.write(f"log entries cannot be written and are lost: {problem}\n")
        self._failed = True

    def _read(self, work: Callable[[], Result]) -> Result:
        """Do some work on the file with everything in it. Raises UNAVAILABLE."""
        self._flush()
        try:
            return self._repaired(work)
        except sqlite3.Error as error:
            raise ApiError(503, "UNAVAILABLE", f"The log entries are not available: {error}") from error

    def _repaired(self, work: Callable[[], Result]) -> Result:
        """Do some work on the file, once more when it was damaged."""
        try:
            return work()
        except sqlite3.DatabaseError as error:
            with self._writing:
                if not self._file.replace_damaged(error):
                    raise
        return work()

    def _page(self, wanted: Filter, newest_first: bool, size: int, after: Position | None) -> Page:
        entries: list[Document] = []
        volume = 0
        last = after
        for position, entry, length in _distinct(self._matching(wanted, newest_first, after)):
            if len(entries) == size or volume > LARGEST_PAGE_TEXT:
                return Page(entries, _write_token(last))
            entries.append(entry)
            volume += length
            last = position
        return Page(entries, "")

    def _matching(self, wanted: Filter, newest_first: bool, after: Position | None) -> Iterator[Found]:
        end = time.monotonic() + PATIENCE
        condition = both([self._listed(), wanted.condition])
        for moment, number, text in self._file.rows(condition, after, newest_first):
            if self._closed:
                raise ApiError(503, "UNAVAILABLE", "The server stops.")
            if time.monotonic() > end:
                raise ApiError(504, "DEADLINE_EXCEEDED", f"The query took longer than {PATIENCE:g} seconds.")
            entry = json.loads(text)
            if wanted.matches(entry):
                yield (moment, number), entry, len(text)

    def _listed(self) -> Condition:
        now = datetime.now(UTC)
        return Condition(microseconds(now - self._retention), microseconds(now + AHEAD))

    def _log_names(self, project: str) -> Iterator[str]:
        of_project = column_condition("project", "=", normal(project))
        for log_id in self._file.log_ids():
            of_log = both([column_condition("log_id", "=", log_id), of_project])
            yield from (json.loads(text)["logName"] for *_, text in islice(self._file.rows(of_log, None, True), 1))

    def _delete(self, project: str, log_id: str) -> bool:
        with self._writing:
            return self._file.remove(normal(project), normal(log_id)) > 0


def _distinct(found: Iterable[Found]) -> Iterator[Found]:
    """The entries without those that repeat project, timestamp and insertId: REST reference of LogEntry.insertId."""
    seen: set[tuple[object, ...]] = set()
    moment = None
    for position, entry, length in found:
        if position[0] != moment:
            moment = position[0]
            seen.clear()
        key = (split_log_name(entry["logName"])[0], entry["timestamp"], entry.get("insertId", position))
        if key not in seen:
            seen.add(key)
            yield position, entry, length


def _write_token(position: Position | None) -> str:
    assert position is not None
    return base64.urlsafe_b64encode(b"%d %d" % position).decode()


def _read_token(token: str) -> Position | None:
    if not token:
        return None
    try:
        moment, _, number = base64.urlsafe_b64decode(token.encode()).decode().partition(" ")
        return int(moment), int(number)
    except (ValueError, binascii.Error):
        raise invalid(f"page_token: '{token}' is not one of ours") from None
