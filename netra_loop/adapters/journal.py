"""The truth: one SQLite file a session, one row an entry, never changed.

WAL with synchronous=FULL: in a replay of every possible power cut no acknowledged commit was lost in this mode, and
only one connection ever writes, so the known WAL reset fault of SQLite before 3.51.3 cannot occur.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from netra_loop.core import codec
from netra_loop.core.errors import StorageError, UsageError
from netra_loop.core.events import Entry

SCHEMA_VERSION = 1
_PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "trusted_schema": 0, "cell_size_check": 1}
_TABLE = (
    "CREATE TABLE IF NOT EXISTS entry (seq INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, "
    "body TEXT NOT NULL, hash TEXT NOT NULL) STRICT"
)


class SqliteJournal:
    """The journal of one session, open for writing by its one writer."""

    def __init__(self, path: Path) -> None:
        """Open or create it. Raises StorageError when it cannot be trusted to keep what it is given."""
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=5.0)
            self._prepare(path)
            self._last_hash = self._hash_of_last()
        except sqlite3.Error as error:
            raise StorageError(f"cannot open the journal {path}: {error}") from error

    def _prepare(self, path: Path) -> None:
        _check_version(path, self._connection)  # first of all: a newer file is not touched
        for name, value in _PRAGMAS.items():
            self._connection.execute(f"PRAGMA {name}={value}")
            (got,) = self._connection.execute(f"PRAGMA {name}").fetchone()
            if got != value:
                raise StorageError(f"{path}: SQLite answers {name}={got}, {value} is needed to lose nothing")
        self._connection.execute(_TABLE)
        self._connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def _hash_of_last(self) -> str:
        row = self._connection.execute("SELECT hash FROM entry ORDER BY seq DESC LIMIT 1").fetchone()
        return row[0] if row else ""

    def append(self, entry: Entry, plain: dict[str, object]) -> None:
        at, body = codec.timestamp(entry.at), json.dumps(plain, ensure_ascii=True, sort_keys=True)
        link = chained(self._last_hash, entry.seq, at, body)
        try:
            self._connection.execute(
                "INSERT INTO entry VALUES (?, ?, ?, ?, ?)", (entry.seq, at, str(plain["is"]), body, link)
            )
        except sqlite3.Error as error:
            raise StorageError(f"cannot write entry {entry.seq} of the journal: {error}", "then `resume`") from error
        self._last_hash = link

    def entries(self) -> Iterator[Entry]:
        """Every entry, the hash chain checked. Raises StorageError."""
        try:
            return iter(_read(self._connection))
        except (sqlite3.Error, ValueError) as error:
            raise StorageError(f"cannot read the journal: {error}") from error

    def close(self) -> None:
        self._connection.close()


class JournalFile:
    """A journal that is only read: a snapshot, taken at once, that keeps no lock."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def entries(self) -> list[Entry]:
        """Every entry, the hash chain checked. Raises StorageError for a journal that was tampered with or is none."""
        try:
            connection = sqlite3.connect(_read_only(self._path), uri=True, timeout=5.0)
            try:
                _check_version(self._path, connection)
                return _read(connection)
            finally:
                connection.close()
        except (sqlite3.Error, ValueError) as error:
            raise StorageError(f"cannot read the journal {self._path}: {error}") from error


def _read_only(path: Path) -> str:
    return f"{path.absolute().as_uri()}?mode=ro"


def is_begun(path: Path) -> bool:
    """Whether a journal has an entry; one that cannot be read counts, so that reading it tells why."""
    try:
        with contextlib.closing(sqlite3.connect(_read_only(path), uri=True, timeout=5.0)) as connection:
            return connection.execute("SELECT 1 FROM entry LIMIT 1").fetchone() is not None
    except sqlite3.OperationalError as error:
        return "no such table" not in str(error)
    except sqlite3.Error:
        return True


def tip(path: Path) -> str:
    """The hash of a journal's newest entry, which stands for all of it; empty where it cannot be read."""
    try:
        with contextlib.closing(sqlite3.connect(_read_only(path), uri=True, timeout=5.0)) as connection:
            row = connection.execute("SELECT hash FROM entry ORDER BY seq DESC LIMIT 1").fetchone()
    except sqlite3.Error:
        return ""
    return str(row[0]) if row else ""


@dataclass(frozen=True, slots=True)
class Glance:
    """A journal at a first look, its chain unchecked: enough to see whether it is worth reading.

    where: endpoint, project and region. changed: each act that deployed or shifted something, with the target and the
    revision, the oldest first.
    """

    where: tuple[str, str, str]
    verdict: str
    changed: tuple[tuple[str, str, str], ...]


_OPENED = (
    "SELECT json_extract(body, '$.plan.environment.endpoint'), json_extract(body, '$.plan.environment.project'), "
    "json_extract(body, '$.plan.environment.region') FROM entry WHERE seq = 1"
)
_VERDICT = (
    "SELECT json_extract(body, '$.verdict.colour') FROM entry WHERE kind = 'SessionFinished' ORDER BY seq DESC LIMIT 1"
)
_CHANGED = (
    "SELECT json_extract(body, '$.act_id'), json_extract(body, '$.result.seen.target'), "
    "json_extract(body, '$.result.seen.revision') FROM entry WHERE kind = 'ActEnded' "
    "AND json_extract(body, '$.result.seen.is') IN ('Deployed', 'TrafficShifted') ORDER BY seq"
)


def glance(path: Path) -> Glance | None:
    """A first look at a journal; None for one that cannot be read."""
    try:
        with contextlib.closing(sqlite3.connect(_read_only(path), uri=True, timeout=5.0)) as connection:
            opened = connection.execute(_OPENED).fetchone()
            verdict = connection.execute(_VERDICT).fetchone()
            changed = tuple(connection.execute(_CHANGED))
    except sqlite3.Error:
        return None
    return Glance(opened, verdict[0] if verdict else "", changed) if opened else None


def chained(before: str, seq: int, at: str, body: str) -> str:
    """The hash of an entry, which covers all entries before it."""
    return hashlib.sha256(f"{before}\n{seq}\n{at}\n{body}".encode()).hexdigest()


def _check_version(path: Path, connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise UsageError(f"{path} was made by a newer version (journal format {version})", "use that version")


def _read(connection: sqlite3.Connection) -> list[Entry]:
    entries: list[Entry] = []
    before = ""
    for seq, at, body, link in connection.execute("SELECT seq, at, body, hash FROM entry ORDER BY seq").fetchall():
        if seq != len(entries) + 1 or link != chained(before, seq, at, body):
            raise StorageError(f"entry {seq} of the journal does not follow from the one before", "it was changed")
        entries.append(Entry(seq, codec.moment(at), codec.decode(json.loads(body))))
        before = link
    return entries
