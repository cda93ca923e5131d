"""The state folder of a server: who may use it, and how others find the server."""

import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netra_loop.localrun.fields import Document


class Busy(Exception):
    """Another server uses this folder."""


class Home:
    """The folder, created for its owner only. Raises PermissionError for one that is a link or another user's."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_own(folder)
        folder.chmod(0o700)
        self.folder = folder.resolve()

    @property
    def mark(self) -> str:
        """What tells the processes of this folder's servers from all others; the same for each of its servers."""
        return hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:32]

    @property
    def state(self) -> Path:
        return self.folder / "state.db"

    @property
    def images(self) -> Path:
        return self.folder / "images"

    @property
    def audit(self) -> Path:
        return self.folder / "audit.jsonl"

    @property
    def logs(self) -> Path:
        return self.folder / "logs.sqlite"

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

    def size(self) -> int:
        """The bytes of all files in the folder; what goes while it is counted counts as nothing."""
        return sum(_size(Path(folder) / name) for folder, _, names in os.walk(self.folder) for name in names)


def require_own(folder: Path) -> None:
    """Raise PermissionError unless a folder is one itself and belongs to this user."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise PermissionError(f"{folder} is a link, or not a folder of this user; give another")


def _size(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:
        return 0
