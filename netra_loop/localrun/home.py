"""The state folder of a server: who may use it, and how others find the server."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netra_loop.localrun.fields import Document


class Busy(Exception):
    """Another server uses this folder."""


class Home:
    """The folder, created for its owner only."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        self.folder = folder.resolve()

    @property
    def images(self) -> Path:
        return self.folder / "images"

    @property
    def audit(self) -> Path:
        return self.folder / "audit.jsonl"

    @property
    def backing(self) -> Path:
        return self.folder / "backing"

    @property
    def uploads(self) -> Path:
        return self.folder / "uploads"

    @property
    def address(self) -> Path:
        return self.folder / "server.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder; the kernel lets go of it however this program ends. Raises Busy."""
        with (self.folder / "server.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(f"another server already uses {self.folder}") from None
            yield

    def announce(self, identity: Document) -> None:
        """Write server.json, whole or not at all, readable for its owner only."""
        draft = self.folder / "server.json.draft"
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(identity, file)
        draft.rename(self.address)

    def withdraw(self) -> None:
        self.address.unlink(missing_ok=True)
