"""Whether another session is in the way, and which ones died."""

from __future__ import annotations

from netra_loop.adapters.files import State as Folder
from netra_loop.adapters.journal import glance
from netra_loop.adapters.locks import environment_lock
from netra_loop.core.environment import Environment
from netra_loop.core.errors import LockedError
from netra_loop.core.preflight import Finding, State

LOOKED_AT = 20  # of the newest sessions


def lock(folder: Folder, environment: Environment) -> Finding:
    """Who holds the environment; a look takes its lock for a moment."""
    if not folder.locks.is_dir():
        return Finding("lock", State.OK, "nobody holds the environment")
    held = environment_lock(folder.locks, environment.project, environment.region, environment.name)
    try:
        held.acquire(f"environment {environment.name}", "doctor")
    except LockedError as error:
        return Finding("lock", State.FAILED, error.message, error.hint)
    held.release()
    return Finding("lock", State.OK, "nobody holds the environment")


def unfinished(folder: Folder) -> list[Finding]:
    """The newest sessions that came to no verdict."""
    if not folder.root.is_dir():
        return []
    names = folder.session_ids()[-LOOKED_AT:]
    dead = [name for name in names if (seen := glance(folder.session(name).journal)) and not seen.verdict]
    if not dead:
        return []
    return [Finding("sessions", State.WARNING, f"without a verdict: {', '.join(dead)}", "`resume` takes one up again")]
