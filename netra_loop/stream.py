"""The event stream: every event passes this one door, is made durable, folded, and only then seen by anyone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from netra_loop.core import codec
from netra_loop.core.errors import StorageError
from netra_loop.core.events import Entry, Event, ReaderUnplugged
from netra_loop.core.session import Session, evolve, replay
from netra_loop.ports import Clock, Journal, Reader

Mask = Callable[[str], str]


class Seat:
    """A reader's place: the entries it has not been shown yet. A reader that raises is unplugged for good."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.news: list[Entry] = []
        self.unplugged = False

    def show(self, session: Session) -> Exception | None:
        """Let the reader catch up; the exception that unplugged it, if this reading did."""
        if self.unplugged or not self.news:
            return None
        news, self.news = self.news, []
        try:
            self.reader.read(session, news)
        except Exception as error:  # a view is other people's terminal and disk: whatever it is, the loop goes on
            self.unplugged = True
            return error
        return None


class Stream:
    """Number, stamp, mask, commit, fold, then mark the readers stale. One synchronous call, one writer."""

    def __init__(self, journal: Journal, clock: Clock, mask: Mask, readers: Sequence[Reader] = ()) -> None:
        self._journal = journal
        self._clock = clock
        self._mask = mask
        self._session = replay(journal.entries())
        self._failure: StorageError | None = None
        self.seats = tuple(Seat(reader) for reader in readers)
        self.on_change: Callable[[], None] = lambda: None

    @property
    def is_open(self) -> bool:
        """Whether the first event was committed."""
        return self._session is not None

    @property
    def session(self) -> Session:
        """The fold of everything committed. Raises ValueError before the first event."""
        if self._session is None:
            raise ValueError("the session is not open yet")
        return self._session

    def emit(self, event: Event) -> Session:
        """Commit one event and return the session that includes it. Raises StorageError and changes nothing then.

        A journal that failed once is not written again: whoever swallowed the error must not act on. What is folded
        is what was masked and written, so that a session and its replay cannot differ.
        """
        if self._failure is not None:
            raise self._failure
        plain = codec.encode(codec.masked(event, self._mask))
        last = self._session.seq if self._session else 0
        at = self._clock.now()
        if self._session is not None:
            at = max(at, self._session.at)
        entry = Entry(last + 1, at, codec.decode(plain))
        folded = evolve(self._session, entry)
        try:
            self._journal.append(entry, plain)
        except StorageError as error:
            self._failure = error
            raise
        self._session = folded
        for seat in self.seats:
            if not seat.unplugged:
                seat.news.append(entry)
        self.on_change()
        return folded

    def show(self, seat: Seat) -> None:
        """Let one reader catch up; if that unplugs it, say so in the stream."""
        error = seat.show(self.session)
        if error is not None:
            self.emit(ReaderUnplugged(seat.reader.name, f"{type(error).__name__}: {error}"))

    def close_readers(self) -> None:
        """Nothing more is shown."""
        for seat in self.seats:
            seat.unplugged = True
            seat.reader.close()

    def show_all(self) -> None:
        """Let every reader catch up now."""
        while any(seat.news for seat in self.seats):  # an unplugging is news for the others
            for seat in self.seats:
                self.show(seat)
