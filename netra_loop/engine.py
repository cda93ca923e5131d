"""The loop: ask what to do, start it, record what happened, ask again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

import anyio
from anyio.abc import TaskGroup

from netra_loop.core.errors import StorageError
from netra_loop.core.events import (
    Act,
    ActEnded,
    ActStarted,
    IterationBegun,
    SessionFinished,
    StopAsked,
    Ticked,
    Verdict,
)
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Kind
from netra_loop.core.policy import Begin, Decision, Finish, Start, Stop, decide
from netra_loop.core.seen import Result
from netra_loop.ports import Clock, Runner
from netra_loop.stream import Seat, Stream

PATIENCE = 30.0  # seconds an act may take to end by itself after its own timeout


class Engine:
    """The only interpreter of the policy's moves. What decides does not wait; what waits does not decide."""

    def __init__(self, stream: Stream, runners: Mapping[Kind, Runner], clock: Clock) -> None:
        self._stream = stream
        self._runners = runners
        self._clock = clock
        self._changed = anyio.Event()  # of the present generation; replaced whenever it is set
        self._scopes: dict[str, anyio.CancelScope] = {}

    async def run(self) -> Verdict:
        """Until the policy finishes the session. Raises StorageError when an event cannot be recorded."""
        self._stream.on_change = self._note_change
        self._stream.show_all()
        try:
            async with anyio.create_task_group() as tasks:
                for seat in self._stream.seats:
                    tasks.start_soon(self._tell, seat)
                verdict = await self._loop(tasks)
                tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise first_of(group) from None
        finally:
            self._stream.show_all()
        return verdict

    def _note_change(self) -> None:
        changed, self._changed = self._changed, anyio.Event()
        changed.set()

    async def _loop(self, tasks: TaskGroup) -> Verdict:
        while True:
            changed = self._changed
            decision = decide(self._stream.session)
            for move in decision.moves:
                match move:
                    case Begin(number):
                        self._stream.emit(IterationBegun(number))
                    case Start(act):
                        self._start(tasks, act)
                    case Stop(act_id, why):
                        self._stream.emit(StopAsked(act_id, why))
                        self._scopes[act_id].cancel()
                    case Finish(verdict):
                        self._stream.emit(SessionFinished(verdict))
                        return verdict
                    case _:
                        assert_never(move)
            if not decision.moves:
                await self._wait(decision, changed)

    async def _wait(self, decision: Decision, changed: anyio.Event) -> None:
        """Until something is recorded, or until the policy wants to be asked again."""
        if decision.wake_at is None:
            await changed.wait()
            return
        left = (decision.wake_at - self._clock.now()).total_seconds()
        with anyio.move_on_after(max(0.0, left)):
            await changed.wait()
            return
        self._stream.emit(Ticked())

    def _start(self, tasks: TaskGroup, act: Act) -> None:
        """Announce the act, then let it run: what cannot be recorded is not begun."""
        self._stream.emit(ActStarted(act))
        scope = self._scopes[act.id] = anyio.CancelScope()
        tasks.start_soon(self._run, act, scope)

    async def _run(self, act: Act, scope: anyio.CancelScope) -> None:
        result = Result(Outcome.INCOMPLETE, ("stopped",))
        with scope:
            result = await self._guarded(act)
        self._stream.emit(ActEnded(act.id, result))

    async def _guarded(self, act: Act) -> Result:
        """The one place where a runner's own bug becomes an outcome, and where an act without an end gets one."""
        try:
            with anyio.fail_after(act.timeout + PATIENCE):
                return await self._runners[act.kind].run(act, self._stream.session, self._stream.emit)
        except TimeoutError:
            return Result(Outcome.ERRORED, ("timed_out",))
        except Exception as error:
            if (storage := _storage_error(error)) is not None:
                raise storage from error
            bug = first_of(error) if isinstance(error, BaseExceptionGroup) else error
            return Result(Outcome.ERRORED, (f"bug in the runner of {act.kind.value}: {type(bug).__name__}: {bug}",))

    async def _tell(self, seat: Seat) -> None:
        """Show a reader the news on its own beat."""
        while True:
            changed = self._changed
            if not seat.news:
                await changed.wait()
            self._stream.show(seat)
            await anyio.sleep(seat.reader.interval)


def _storage_error(error: BaseException) -> StorageError | None:
    """The StorageError that this is or wraps: a runner's own task group wraps even a single one."""
    if isinstance(error, BaseExceptionGroup):
        return next((found for each in error.exceptions if (found := _storage_error(each))), None)
    return error if isinstance(error, StorageError) else None


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The exception that ended the loop: anyio wraps even a single one."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
