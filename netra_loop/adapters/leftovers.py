"""What sessions that died left behind: our tags on services, files of theirs that nobody reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from anyio import to_thread

from netra_loop.adapters.cloudrun import CloudRun
from netra_loop.adapters.files import SessionFolder, State
from netra_loop.adapters.gcloud import variables_files
from netra_loop.adapters.locks import Lock
from netra_loop.adapters.publish import wait_for
from netra_loop.adapters.remedies.places import remove
from netra_loop.adapters.supervise import end_leftovers
from netra_loop.core.errors import LockedError
from netra_loop.core.names import TAG_PREFIX
from netra_loop.core.target import Target

_PARTIAL = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}")
"""How a file is named while it is written."""


async def our_tags(cloud: CloudRun, target: Target) -> tuple[str, ...]:
    """Our tags on a service; none on one that is not there."""
    service = await to_thread.run_sync(cloud.service, target.service)
    shares = (*service.wanted, *service.effective) if service else ()
    return tuple(dict.fromkeys(share.tag for share in shares if share.tag.startswith(TAG_PREFIX)))


async def remove_tags(cloud: CloudRun, target: Target, tags: Sequence[str]) -> None:
    """Take tags away; every percent of the traffic stays where it is."""
    await wait_for(cloud, await to_thread.run_sync(cloud.untag, target.service, tags))


def left_files(state: State, worklogs: Path) -> Iterator[tuple[SessionFolder, Path]]:
    """What sessions have not cleared away: variables of services, copies of code, files not written to their end."""
    for path in sorted((state.root / "sessions").glob("*")):
        partial = (file for file in path.glob(".*") if _PARTIAL.fullmatch(file.name))
        folder = SessionFolder(path)
        copies = [folder.bench] if folder.bench.exists() else []
        yield from ((folder, file) for file in sorted({*variables_files(path), *partial, *copies}))
    for file in sorted(worklogs.glob(".*")):
        if written := _PARTIAL.fullmatch(file.name):
            yield SessionFolder(state.root / "sessions" / Path(written["name"]).stem), file


def remove_left(folder: SessionFolder, file: Path) -> bool:
    """Remove a file of a session that nobody runs, once all that it started has ended; False while somebody does."""
    if folder.path.exists():
        lock = Lock(folder.lock)
        try:
            lock.acquire(f"session {folder.id}", "gc")
        except LockedError:
            return False
        try:
            end_leftovers(folder, folder.kids)
        finally:
            lock.release()
    remove(file)
    return True
