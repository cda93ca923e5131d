"""Who changed what: every mutating call, in order, in memory and on disk as it happens."""

import json
import os
import sys
from collections import deque
from pathlib import Path

from netra_loop.localrun import clock
from netra_loop.localrun.fields import Document

MOST_ENTRIES = 10_000
LARGEST_FILE = 4 * 1024 * 1024  # bytes


class Audit:
    """An append-only list of the newest entries; the file outlives the server, the list begins with it.

    A file that has grown to LARGEST_FILE becomes `audit.jsonl.1`, in place of the one before.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.entries: deque[Document] = deque(maxlen=MOST_ENTRIES)

    def record(self, method: str, path: str, action: str, service: str, revision: str, status: int) -> None:
        """Note one call and its HTTP status; `revision` is the one it created, empty for none."""
        entry: Document = {
            "at": clock.now(),
            "method": method,
            "path": path,
            "action": action,
            "service": service,
            "revision": revision or None,
            "status": status,
        }
        self.entries.append(entry)
        try:
            self._write(json.dumps(entry) + "\n")
        except OSError as error:  # the call was carried out, and its answer matters more
            sys.stderr.write(f"cannot write the audit: {error}\n")

    def _write(self, line: str) -> None:
        if self._path.exists() and self._path.stat().st_size >= LARGEST_FILE:
            self._path.replace(self._path.with_suffix(".jsonl.1"))
        with open(self._path, "a", opener=_for_the_owner) as file:
            file.write(line)


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
