"""Who changed what: every mutating call, in order, in memory and on disk as it happens."""

import json
import sys
from pathlib import Path

from netra_loop.localrun import clock
from netra_loop.localrun.fields import Document


class Audit:
    """An append-only list; the file outlives the server, the list begins with it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.entries: list[Document] = []

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
            with self._path.open("a") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:  # the call was carried out, and its answer matters more
            sys.stderr.write(f"cannot write the audit: {error}\n")
