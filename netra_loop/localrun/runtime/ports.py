"""Ports of 127.0.0.1 that are about to be listened on, reserved among all servers of this user."""

import fcntl
import os
import tempfile
from collections.abc import Awaitable, Iterator
from functools import partial
from pathlib import Path

from netra_loop.localrun.runtime.launch import free_ports
from netra_loop.localrun.runtime.process import Process
from netra_loop.localrun.state.home import require_own


class Ports:
    """A reservation is a lock on the byte of the port's number in a file that all servers of this user share.

    The kernel lets go of it however this program ends. Without it two servers that look for a free port in one moment
    find the same.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` is made if need be, by default one for this user and boot. Raises OSError when it is not ours."""
        folder = folder or runtime_folder()
        folder.mkdir(mode=0o700, exist_ok=True)
        require_own(folder)
        self._file = os.open(folder / "ports.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        self._held: set[int] = set()
        self._candidates: Iterator[int] = free_ports()

    def reserve(self, port: int) -> bool:
        """Whether the port is ours now; False while somebody has it, we or another."""
        if port in self._held:
            return False
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except (BlockingIOError, PermissionError):  # POSIX allows either
            return False
        self._held.add(port)
        return True

    def release(self, port: int) -> None:
        self._held.discard(port)
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, port)

    def free(self) -> int:
        """A port that nobody listens on, reserved."""
        return next(port for port in self._candidates if self.reserve(port))

    async def lend(self, port: int, start: Awaitable[Process]) -> Process:
        """The process that `start` leads to; its port, reserved before, is released when it has ended."""
        try:
            process = await start
        except BaseException:
            self.release(port)
            raise
        process.then(partial(self.release, port))
        return process


def runtime_folder() -> Path:
    """Where this user's programs keep what lasts until the next boot."""
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    if given and os.access(given, os.W_OK):
        return Path(given) / "netra-loop"
    return Path(tempfile.gettempdir()) / f"netra-loop-{os.getuid()}"
