"""What must survive a restart: documents by kind and key in one SQLite file, each change on disk when it returns."""

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netra_loop.localrun.fields import Document

VERSION = 1  # to be raised when what was written before can no longer be read
FRESH = 0  # what SQLite says of a file that it has just made
SCHEMA = """
CREATE TABLE record (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (kind, key)
)
"""


class Unreadable(Exception):
    """The file is damaged, or not of this version."""


class Store:
    """One file, of one server at a time. Write-ahead log: a killed server loses no change that had returned."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it, readable for its owner only. Raises Unreadable, and OSError."""
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
        self._database = sqlite3.connect(path, isolation_level=None)
        try:
            self._prepare()
        except sqlite3.OperationalError as error:
            self.close()
            raise OSError(f"{path}: {error}; move it aside to begin anew") from error
        except sqlite3.DatabaseError as error:
            self.close()
            raise Unreadable(str(error)) from error
        except Unreadable:
            self.close()
            raise

    def put(self, kind: str, key: str, document: Document) -> None:
        """Keep a document in place of the one of the same kind and key."""
        self._database.execute(
            "INSERT INTO record (kind, key, document) VALUES (?, ?, ?) "
            "ON CONFLICT (kind, key) DO UPDATE SET document = excluded.document",
            (kind, key, json.dumps(document)),
        )

    def remove(self, kind: str, key: str) -> None:
        self._database.execute("DELETE FROM record WHERE kind = ? AND key = ?", (kind, key))

    def all(self, kind: str) -> dict[str, Document]:
        """Every document of a kind by key, in the order in which the keys first came."""
        rows = self._database.execute("SELECT key, document FROM record WHERE kind = ? ORDER BY number", (kind,))
        return {key: json.loads(document) for key, document in rows}

    def mentions(self, pattern: re.Pattern[str], ignored: str) -> set[str]:
        """Everything in any document that matches a pattern; those of the kind `ignored` are not looked at."""
        rows = self._database.execute("SELECT document FROM record WHERE kind != ?", (ignored,))
        return {found for (document,) in rows for found in pattern.findall(document)}

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make the changes within survive together or not at all; nothing may be awaited within."""
        if self._database.in_transaction:
            yield
            return
        with self._database:
            self._database.execute("BEGIN")
            yield

    def close(self) -> None:
        self._database.close()

    def _prepare(self) -> None:
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")  # lost by a power cut at most, as the processes are too
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version == FRESH:
            with self.together():
                self._database.execute(SCHEMA)
                self._database.execute(f"PRAGMA user_version = {VERSION}")
        elif version != VERSION:
            raise Unreadable(f"it is of version {version}, not {VERSION}")
        (health,) = self._database.execute("PRAGMA quick_check(1)").fetchone()
        if health != "ok":
            raise Unreadable(health)
