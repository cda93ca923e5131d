"""The report that a command leaves: only one that was written in this very run is read."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from netra_loop.adapters.suites.reports import Report, read_report
from netra_loop.adapters.suites.reports.report import MOST_BYTES


class ReportFile:
    """Where the report is expected. An older one is gone once this is made."""

    def __init__(self, path: Path, root: Path, clock: Path) -> None:
        """root: the folder that the report may not lie outside of. clock: a file that is written now, and tells the
        file system's idea of when the run began. Raises OSError where the place cannot be cleared.
        """
        if not path.parent.resolve().is_relative_to(root.resolve()):
            raise OSError(f"{path.name} leads out of the project")
        self._path = path
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        clock.touch()
        self._began = clock.stat().st_mtime_ns
        clock.unlink()

    def data(self) -> bytes | None:
        """What was written, one byte more than is ever read at most; None for no file, or none of this run.

        A link, folder, pipe or device is no report, and a file that is older than the run was only put here by it.
        """
        try:
            with open(self._path, "rb", opener=_without_following) as file:
                status = os.fstat(file.fileno())
                is_report = stat.S_ISREG(status.st_mode) and status.st_mtime_ns >= self._began
                return file.read(MOST_BYTES + 1) if is_report else None
        except OSError:
            return None


def _without_following(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def read(data: bytes | None) -> Report | None:
    """The report, None without one; an empty file is none."""
    return read_report(data) if data else None
