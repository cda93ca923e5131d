"""What the loop needs of the world: small protocols, one or two methods each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from netra_loop.core.events import Act, Entry, Event
from netra_loop.core.seen import Result
from netra_loop.core.session import Session

Say = Callable[[Event], Session]
"""Records an event of a running act and returns the session that includes it."""


class Runner(Protocol):
    """Does one kind of act."""

    async def run(self, act: Act, session: Session, say: Say) -> Result:
        """Do the act and tell how it ended.

        A bad target is a result, never an exception. When it is cancelled it cleans up, says what it saw, and may
        return a result or let the cancellation pass.
        """
        ...


class Journal(Protocol):
    """Where entries are kept."""

    def append(self, entry: Entry, plain: dict[str, object]) -> None:
        """Keep the entry, durably, before returning. Raises StorageError; nothing is kept then."""
        ...

    def entries(self) -> Iterable[Entry]:
        """Every entry, in order."""
        ...


class Reader(Protocol):
    """A view of the session that follows it."""

    name: str
    interval: float
    """Seconds between two readings at the least."""

    def read(self, session: Session, news: Sequence[Entry]) -> None:
        """Show the session; news are the entries since the last reading."""
        ...

    def close(self) -> None:
        """Leave whatever it writes to as it was found; nothing is read after that."""
        ...


class Clock(Protocol):
    def now(self) -> datetime:
        """The time in UTC; never earlier than at the last call."""
        ...
