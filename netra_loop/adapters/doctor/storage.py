"""Whether what happens can be recorded."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from netra_loop.core.preflight import Finding, State

LEAST_FREE = 100_000_000  # bytes


def storage(folder: Path) -> Finding:
    """The folder of our state, or the nearest one above it that exists: writable, and not on a full disk."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        return Finding("storage", State.FAILED, f"{there} cannot be written to", "name another with --state-dir")
    free = shutil.disk_usage(there).free
    state = State.OK if free >= LEAST_FREE else State.FAILED
    remedy = "" if state is State.OK else f"free at least {LEAST_FREE // 1_000_000} MB, or name another --state-dir"
    return Finding("storage", state, f"{free // 1_000_000} MB are free", remedy)
