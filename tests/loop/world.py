"""A world in memory for tests of the loop: a journal, a clock, and one runner for every kind of act."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from netra_loop.core.errors import StorageError
from netra_loop.core.events import Act, Entry, Event, HandleKnown, SessionOpened, TestsCollected, TestsObserved, Verdict
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Kind, Plan
from netra_loop.core.seen import HealthSeen, Result, SuiteSeen
from netra_loop.core.session import Session
from netra_loop.ports import Say
from tests.stories import NEW, START, deployed, ended_test, shifted

Doing = Callable[[Act, Session, Say], Awaitable[Result]]


class MemoryJournal:
    """Keeps entries until it is told to fail: at one number, and after that again or not."""

    def __init__(self, entries: Iterable[Entry] = (), fails_at: int = 0) -> None:
        self.kept = list(entries)
        self.fails_at = fails_at
        self.asked = 0

    def append(self, entry: Entry, plain: dict[str, object]) -> None:
        self.asked += 1
        if entry.seq == self.fails_at:
            self.fails_at = 0
            raise StorageError(f"no space for entry {entry.seq}")
        self.kept.append(entry)

    def entries(self) -> Iterable[Entry]:
        return list(self.kept)

    @property
    def events(self) -> list[Event]:
        return [entry.event for entry in self.kept]


class HandClock:
    """Shows what it is set to."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def turn(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class WallClock:
    """The time of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class Notebook:
    """A reader that writes down what it is shown, and can be told to break at one event."""

    def __init__(self, name: str = "notebook", breaks_at: type[Event] | None = None, interval: float = 0.0) -> None:
        self.name = name
        self.interval = interval
        self.breaks_at = breaks_at
        self.seen: list[Entry] = []
        self.readings = 0
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def read(self, session: Session, news: Sequence[Entry]) -> None:
        self.readings += 1
        self.seen += news
        assert session.seq == news[-1].seq, "what is shown is the session as of the last of the news"
        if self.breaks_at is not None and any(isinstance(entry.event, self.breaks_at) for entry in news):
            raise RuntimeError(f"{self.name} is torn")

    @property
    def events(self) -> list[Event]:
        return [entry.event for entry in self.seen]


class World:
    """Runs every act well, and writes down which; single steps can be told to do something else."""

    def __init__(self, **doings: Doing) -> None:
        """doings by step, its dashes written as underscores."""
        self.doings = {step.replace("_", "-"): doing for step, doing in doings.items()}
        self.runs: list[Act] = []
        self.ended: list[str] = []

    @property
    def steps(self) -> list[str]:
        return [act.step for act in self.runs]

    async def run(self, act: Act, session: Session, say: Say) -> Result:
        self.runs.append(act)
        try:
            return await self.doings.get(act.step, well)(act, session, say)
        finally:
            self.ended.append(act.step)

    @property
    def runners(self) -> dict[Kind, World]:
        return dict.fromkeys(Kind, self)


async def well(act: Act, session: Session, say: Say) -> Result:
    """The act done and proven."""
    match act.kind:
        case Kind.DEPLOY:
            say(HandleKnown(act.id, {"revision": f"backend-{act.key}"}))
            return Result(Outcome.PASSED, seen=deployed())
        case Kind.HEALTH:
            return Result(Outcome.PASSED, seen=HealthSeen(act.subject, "http://127.0.0.1:1/", NEW, 3, 3, 0.1, 0.1))
        case Kind.SUITE:
            say(TestsCollected(act.id, ("a", "b")))
            say(TestsObserved(act.id, (ended_test("a"), ended_test("b")), ()))
            seen = SuiteSeen(act.subject, 0, "itself", True, True, 0, {"backend": NEW}, {"backend": NEW})
            return Result(Outcome.PASSED, seen=seen)
        case Kind.PROMOTE | Kind.RESTORE:
            return Result(Outcome.PASSED, seen=shifted(NEW))
        case _:
            return Result(Outcome.PASSED)


def opening(plan: Plan) -> SessionOpened:
    return SessionOpened("ultimate-test-deploy-loop-all-2025-09-14-171026", plan, "run", None, "", "0.1.0")


def exits(verdict: Verdict) -> tuple[str, int]:
    return verdict.colour.value, verdict.exit_code
