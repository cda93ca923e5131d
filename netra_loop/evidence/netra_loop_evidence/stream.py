"""The append-only file of JSON lines: what was written survives a kill at any moment."""

from __future__ import annotations

import json
from contextlib import suppress
from os import O_APPEND, O_CREAT, O_WRONLY, fstat, getpid, write
from os import open as open_descriptor
from pathlib import Path
from typing import Any

# A suite may replace what modules offer, for a test or for good: this was taken before, and so were names of `os`.
_encode = json.JSONEncoder().encode


class Stream:
    """Appends one complete line with one write, so that a kill loses at most the line being written.

    Only the process that opened it writes: a child forked by a test that runs on into pytest's own code stays silent.
    A line that cannot be written is lost without a sound, for the suite must not fail by being watched: its reader
    takes a test without a result for one that did not run.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path).absolute()
        self._owner = getpid()
        self._line_start = b""
        self._open()

    def write(self, kind: str, **fields: Any) -> None:
        """Append one line of this kind."""
        if getpid() != self._owner:
            return
        line = self._line_start + _encode({"kind": kind, **fields}).encode("ascii") + b"\n"
        self._line_start = b"\n"  # should the write stop half way, the next line must not continue this one
        with suppress(OSError):
            self._reopen_if_lost()
            if write(self._descriptor, line) == len(line):
                self._line_start = b""

    def _open(self) -> None:
        self._descriptor = open_descriptor(self._path, O_WRONLY | O_APPEND | O_CREAT, 0o600)
        self._identity = _identity(self._descriptor)

    def _reopen_if_lost(self) -> None:
        """A test may close descriptors it does not own, and the number may since belong to another file."""
        try:
            lost = _identity(self._descriptor) != self._identity
        except OSError:
            lost = True
        if lost:
            self._open()


def _identity(descriptor: int) -> tuple[int, int]:
    status = fstat(descriptor)
    return status.st_dev, status.st_ino
