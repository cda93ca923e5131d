"""Processes that a killed server of a folder left behind, found by the mark that each has in its environment."""

import os
import signal
import sys
import time
from pathlib import Path

from netra_loop.localrun.runtime.launch import MARK
from netra_loop.localrun.runtime.process import SUPERVISOR

MARGIN = 1.0  # seconds in which a supervisor ends after it has sent SIGKILL
PATIENCE = 5.0  # seconds in which a process ends that was sent SIGKILL
LOOK_AGAIN = 0.02


def mark_children(mark: str) -> None:
    """Have every process that this one starts carry the mark of its folder: `launch` passes it on."""
    os.environ[MARK] = mark


def end_orphans(mark: str, grace: float) -> None:
    """Return when nothing with this mark is left.

    A supervisor whose server is gone asks its command to end and kills it after the grace, so it gets this time.
    What has no supervisor any more is killed at once. A process that has cleared its environment is not found; its
    supervisor ends it, unless that was killed as well. Raises TimeoutError for what cannot be killed.
    """
    polite_until = time.monotonic() + grace + MARGIN
    orphans = _marked(mark)
    if orphans:
        sys.stderr.write(f"a server before was killed; waiting for its processes to end: {_listed(orphans)}\n")
    while orphans := _marked(mark):
        if time.monotonic() >= polite_until or not any(map(_is_supervisor, orphans)):
            for orphan in orphans:
                _kill(orphan, mark)
        if time.monotonic() >= polite_until + PATIENCE:
            raise TimeoutError(f"processes of a server before do not end: {_listed(orphans)}")
        time.sleep(LOOK_AGAIN)


def _marked(mark: str) -> list[int]:
    """Who carries a mark, ourselves left out: whatever our own parent was, we are no orphan."""
    everybody = (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))
    return [pid for pid in everybody if pid != os.getpid() and _carries(pid, mark)]


def _carries(pid: int, mark: str) -> bool:
    """Whether a process of this user carries a mark; one that is gone, or only waits to be collected, does not."""
    try:
        if Path(f"/proc/{pid}").stat().st_uid != os.getuid():
            return False
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return f"{MARK}={mark}".encode() in variables


def _is_supervisor(pid: int) -> bool:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(SUPERVISOR) in arguments


def _kill(pid: int, mark: str) -> None:
    """SIGKILL, through a handle of the very process that is looked at: its number may be another's by then."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if _carries(pid, mark):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        os.close(handle)


def _listed(pids: list[int]) -> str:
    return ", ".join(map(str, pids))
