"""What servers before left in the folder, read at the start; what cannot be read is set aside, never in the way."""

import sys
from dataclasses import dataclass
from pathlib import Path

from netra_loop.localrun import clock
from netra_loop.localrun.control.operations import Operations
from netra_loop.localrun.jobs.catalog import JobsCatalog
from netra_loop.localrun.routing.doors import Doors
from netra_loop.localrun.services.catalog import Catalog
from netra_loop.localrun.state.store import Store, Unreadable

KIND = "state"  # in the store
BESIDE = ("", "-wal", "-shm")  # the files of one SQLite database


@dataclass(frozen=True, slots=True)
class State:
    """The store and those that keep something in it. `damage` tells what could not be read, empty for nothing.

    `restored` is how many services there were, `since` when the first of the servers began.
    """

    store: Store
    catalog: Catalog
    jobs: JobsCatalog
    operations: Operations
    doors: Doors
    restored: int
    since: str
    damage: str = ""


def read_state(path: Path) -> State:
    """The state in a file; what cannot be read is moved aside, said on stderr, and the state begins anew."""
    try:
        return _read(path)
    except Unreadable as error:
        aside = _set_aside(path)
        damage = f"{path.name} could not be read ({error}); it is kept as {aside.name}, and services begin anew"
        sys.stderr.write(f"{damage}\n")
        return _read(path, damage)


def _read(path: Path, damage: str = "") -> State:
    store = Store(path)
    try:
        began = store.all(KIND).get("began", {"at": clock.now()})
        catalog = Catalog(store)
        restored, since = len(catalog.services()), str(began["at"])
        state = State(store, catalog, JobsCatalog(store), Operations(store), Doors(store), restored, since, damage)
    except (ValueError, KeyError, TypeError) as error:
        store.close()
        raise Unreadable(str(error)) from error
    store.put(KIND, "began", began)
    return state


def _set_aside(path: Path) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{clock.now()}")
    for ending in BESIDE:
        part = path.with_name(path.name + ending)
        if part.exists():
            part.rename(aside.with_name(aside.name + ending))
    return aside
