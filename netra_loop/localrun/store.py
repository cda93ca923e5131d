"""What must survive a restart: documents by kind and key in one SQLite file, each change on disk when it returns."""

import json
import sqlite3
from pathlib import Path

from netra_loop.localrun.fields import Document

SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (kind, key)
)
"""


class Store:
    """One file, of one server at a time. Write-ahead log: a killed server loses no change that had returned."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")  # lost by a power cut at most, as the processes are too
        self._database.execute(SCHEMA)

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

    def close(self) -> None:
        self._database.close()
