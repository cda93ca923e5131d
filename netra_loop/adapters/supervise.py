"""Runs commands so that nothing of them survives: their timeout, our cancellation, our own death."""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import anyio
from anyio.abc import ByteReceiveStream, Process

import netra_loop
from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.output import Output
from netra_loop.core.errors import LockedError, StorageError

SUPERVISOR = Path(netra_loop.__file__).with_name("supervisor.py")
GRACE = 3.0  # seconds the supervisor gives after our death, between SIGTERM and SIGKILL
LADDER = ((b"I", 3.0), (b"T", 2.0), (b"K", 5.0))  # order and seconds to wait: pytest reports on SIGINT only
FOLDER_VARIABLE = "NETRA_LOOP_SESSION_FOLDER"  # an id may stand in two projects, a folder cannot
COMMAND_VARIABLE = "NETRA_LOOP_COMMAND_ID"  # marks what one command starts, should its supervisor be killed
PATIENCE = 5.0  # seconds for the orphans of a killed supervisor, and for the output of what hides from us


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended. exit_code None: its supervisor was killed. leaked: processes that outlived it, now gone.

    ended_by: `itself`, `timeout`, `idle` or `stop`.
    """

    exit_code: int | None
    leaked: int
    ended_by: str


class Supervision:
    """One command under a supervisor. `ended` says how it ended, also after a cancellation."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        timeout: float,
        output: Output,
        kids: Path,
        idle: float = math.inf,
        reads: Path = Path(os.devnull),
        errors: Output | None = None,
    ) -> None:
        """timeout in seconds, and idle: how many of them may pass without a sign of life.

        kids: the file whose lock shows that something of the session still runs. reads: what its standard input is.
        errors: where its standard error goes, which is with the rest of its output otherwise.
        """
        self._argv = argv
        self._cwd = cwd
        self._env = env
        self._timeout = timeout
        self._idle = idle
        self._latest = math.inf
        self._limit: anyio.CancelScope | None = None
        self._output = output
        self._errors = errors
        self._reads = reads
        self._kids = kids
        self._mark = secrets.token_hex(8)
        self._ended_by = "stop"
        self.ended = Ended(None, 0, "stop")

    async def run(self, started: Callable[[int], object]) -> None:
        """Run it until it ends, its time passes, or we are cancelled; nothing of it is left after that.

        Raises StorageError, perhaps in a group, when its output cannot be kept or its start not be recorded.
        """
        with contextlib.ExitStack() as stack:
            stack.callback(self._output.close)
            stack.callback(self._errors.close if self._errors else lambda: None)
            control_read, control = _pipe(stack)
            status, status_write = _pipe(stack)
            lock = stack.enter_context(self._kids.open("ab"))
            fcntl.flock(lock, fcntl.LOCK_SH)
            with anyio.CancelScope(shield=True):
                process = await self._open(control_read.fileno(), status_write.fileno(), lock.fileno())
            control_read.close()
            status_write.close()
            told = status.read(4096) or b""
            leaked = 0
            try:
                leaked = await self._until_ended(process, control, lambda: started(_pid(told)))
            finally:
                exit_code, swept = _how_it_ended(told + (status.read(4096) or b""))
                self.ended = Ended(exit_code, swept + leaked, self._ended_by)

    def heard(self) -> None:
        """The command gave a sign of life; what it writes is one by itself."""
        if self._limit is not None:
            self._limit.deadline = min(self._latest, anyio.current_time() + self._idle)

    def _take(self, chunk: bytes) -> None:
        self.heard()
        self._output.feed(chunk)

    async def _open(self, control: int, status: int, lock: int) -> Process:
        supervisor = [sys.executable, "-I", "-S", str(SUPERVISOR), str(control), str(status), str(GRACE), "--"]
        with self._reads.open("rb") as reads:
            return await anyio.open_process(
                [*supervisor, *self._argv],
                cwd=self._cwd,
                env={**self._env, COMMAND_VARIABLE: self._mark},
                stdin=reads,
                stderr=subprocess.PIPE if self._errors else subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(control, status, lock),
            )

    async def _until_ended(self, process: Process, control: FileIO, started: Callable[[], object]) -> int:
        """Until nothing of the command runs; how much outlived its supervisor, were it killed."""
        leaked = 0
        async with anyio.create_task_group() as tasks:
            takers = [(process.stdout, self._take)]
            takers += [(process.stderr, self._errors.feed)] if self._errors else []
            pumped = [anyio.CancelScope(shield=True) for _ in takers]  # the last words come after a cancellation
            for (pipe, take), scope in zip(takers, pumped, strict=True):
                tasks.start_soon(_pump, pipe, take, scope, tasks.cancel_scope.cancel)
            try:
                started()
                self._ended_by = await self._in_time(process)
            finally:
                with anyio.CancelScope(shield=True):
                    await _descend(process, control)
                    if (process.returncode or 0) < 0:
                        leaked = await _end_orphans(f"{COMMAND_VARIABLE}={self._mark}")
                for scope in pumped:
                    scope.deadline = anyio.current_time() + PATIENCE
        return leaked

    async def _in_time(self, process: Process) -> str:
        """Wait for it while it may run; what ended the wait."""
        self._latest = anyio.current_time() + self._timeout
        with anyio.CancelScope() as self._limit:
            self.heard()
            await process.wait()
        if not self._limit.cancelled_caught:
            return "itself"
        return "timeout" if anyio.current_time() >= self._latest else "idle"


def _pipe(stack: contextlib.ExitStack) -> tuple[FileIO, FileIO]:
    read, write = os.pipe()
    return stack.enter_context(FileIO(read, "rb")), stack.enter_context(FileIO(write, "wb"))


def _pid(told: bytes) -> int:
    """The command's pid, which the supervisor tells first."""
    return int(json.loads(told.splitlines()[0])["pid"]) if told else 0


def _how_it_ended(told: bytes) -> tuple[int | None, int]:
    """The exit code and what outlived the command; a supervisor that was killed tells neither."""
    last = json.loads(told.splitlines()[-1]) if told else {}
    return last.get("exit"), last.get("leaked", 0)


async def _pump(
    pipe: ByteReceiveStream | None,
    take: Callable[[bytes], None],
    scope: anyio.CancelScope,
    give_up: Callable[[], object],
) -> None:
    """Everything the command writes, while the scope lets us; what cannot be kept is read all the same."""
    assert pipe is not None
    failure: StorageError | None = None
    with scope, contextlib.suppress(anyio.ClosedResourceError):
        async for chunk in pipe:
            try:
                if failure is None:
                    take(chunk)
            except StorageError as error:
                failure = error
                give_up()
    if failure is not None:
        raise failure


async def _descend(process: Process, control: FileIO) -> None:
    """INT, TERM, KILL, each with its time to work, then the supervisor itself; nothing for what has ended."""
    for order, patience in LADDER:
        if process.returncode is not None:
            return
        with contextlib.suppress(BrokenPipeError):
            control.write(order)
        with anyio.move_on_after(patience):
            await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()


async def _end_orphans(marker: str) -> int:
    """Kill what a killed supervisor could not: everything that carries the mark. Returns how many there were."""
    ended: set[int] = set()
    with anyio.move_on_after(PATIENCE):
        while left := _processes_with(marker):
            ended.update(left)
            _kill(left)
            await anyio.sleep(0.01)
    return len(ended)


def end_leftovers(folder: SessionFolder, kids: Path, patience: float = 15.0) -> None:
    """Make sure that nothing of an earlier life of a session runs. Raises LockedError if something cannot be ended.

    Its supervisors hold a shared lock until their last descendant is gone, and end by themselves when their parent
    dies; whatever still names the session's folder in its environment after that is killed.
    """
    descriptor = os.open(kids, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + patience
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not (left := marked_processes(folder)):
                    return
            except BlockingIOError:
                left = []
            if time.monotonic() > deadline:
                raise LockedError(f"processes of {folder.id} still run", "end them, then resume again")
            _kill(left)
            time.sleep(0.05)
    finally:
        os.close(descriptor)


def marks(folder: SessionFolder) -> dict[str, str]:
    """What the environment of everything that a session starts has, so that it can be found."""
    return {"NETRA_LOOP_SESSION_ID": folder.id, FOLDER_VARIABLE: str(folder.path)}


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def marked_processes(folder: SessionFolder) -> list[int]:
    """The processes that a session's suites started, by the folder that their environment names."""
    return _processes_with(f"{FOLDER_VARIABLE}={folder.path}")


def _processes_with(marker: str) -> list[int]:
    """The processes whose environment holds `NAME=value`; ourselves left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if marker.encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found
