"""Runs commands so that nothing of them survives: their timeout, our cancellation, our own death."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import anyio
from anyio.abc import Process

import netra_loop
from netra_loop.adapters.files import SessionFolder, sha256_of
from netra_loop.adapters.redact import Redactor
from netra_loop.core.errors import LockedError
from netra_loop.core.events import Evidence

SUPERVISOR = Path(netra_loop.__file__).with_name("supervisor.py")
GRACE = 3.0  # seconds the supervisor gives after our death, between SIGTERM and SIGKILL
LADDER = ((b"I", 3.0), (b"T", 2.0), (b"K", 5.0))  # order and seconds to wait: pytest reports on SIGINT only
OUTPUT_CAP = 8 * 1024 * 1024  # bytes of head kept of one command's output; the tail is kept beside it
TAIL_LINES = 200
EXCERPT_LINES, EXCERPT_BYTES = 50, 4096
FOLDER_VARIABLE = "NETRA_LOOP_SESSION_FOLDER"  # an id may stand in two projects, a folder cannot


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended. exit_code None: it was never started. leaked: processes that outlived it, now gone."""

    exit_code: int | None
    leaked: int
    ended_by: str


class Output:
    """A command's output as an artifact: masked, its head up to a cap, its last lines always."""

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self.path = path
        self._redactor = redactor
        self._file: BinaryIO = path.open("wb")
        self._pending = ""
        self._written = 0
        self._dropped = 0
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)

    def feed(self, chunk: bytes) -> None:
        """Take what came; whole lines are written, a long line without an end in parts."""
        self._pending += chunk.decode("utf-8", "replace")
        if "\n" in chunk.decode("latin-1") and not self._inside_a_key():
            whole, _, self._pending = self._pending.rpartition("\n")
            self._keep(self._redactor.text(whole) + "\n")
        elif len(self._pending) > 65536:
            masked = self._redactor.text(self._pending)
            self._keep(masked[:-4096])  # a secret may be cut at the end: it is masked with what follows
            self._pending = masked[-4096:]

    def _inside_a_key(self) -> bool:
        """A private key spans lines and can only be masked whole."""
        begun = self._pending.rfind("-----BEGIN")
        return begun >= 0 and "-----END" not in self._pending[begun:] and len(self._pending) < 65536

    def _keep(self, text: str) -> None:
        self._tail.extend(line[:EXCERPT_BYTES] for line in text.splitlines())
        data = text.encode("utf-8", "replace")
        room = max(0, OUTPUT_CAP - self._written)
        self._file.write(data[:room])
        self._written += min(room, len(data))
        self._dropped += max(0, len(data) - room)

    def close(self) -> None:
        """Write what is pending; after a cut say how much is missing, then the last lines."""
        if self._file.closed:
            return
        if self._pending:
            self._keep(self._redactor.text(self._pending) + "\n")
            self._pending = ""
        if self._dropped:
            note = f"\n[{self._dropped} bytes cut here; the last lines follow]\n" + "\n".join(self._tail) + "\n"
            self._file.write(note.encode("utf-8", "replace"))
        self._file.close()

    def evidence(self, title: str, folder: SessionFolder) -> Evidence:
        """The last lines as an excerpt, with the artifact's name and digest."""
        lines = list(self._tail)[-EXCERPT_LINES:]
        excerpt = "\n".join(lines)[-EXCERPT_BYTES:]
        cut = self._dropped > 0 or len(self._tail) > len(lines)
        return Evidence(title, excerpt, folder.reference(self.path), sha256_of(self.path), cut)


class Supervision:
    """One command under a supervisor. `ended` says how it ended, also after a cancellation."""

    def __init__(
        self, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float, output: Output, kids: Path
    ) -> None:
        """timeout in seconds; kids: the file whose lock shows that something of the session still runs."""
        self._argv = argv
        self._cwd = cwd
        self._env = env
        self._timeout = timeout
        self._output = output
        self._kids = kids
        self._ended_by = "stop"
        self.ended = Ended(None, 0, "stop")

    async def run(self, started: Callable[[int], object]) -> None:
        """Run it until it ends, its timeout passes, or we are cancelled; nothing of it is left after that."""
        control_read, control = os.pipe()
        status, status_write = os.pipe()
        lock = os.open(self._kids, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_SH)
        try:
            with anyio.CancelScope(shield=True):
                process = await self._open(control_read, status_write, lock)
            for descriptor in (control_read, status_write):
                os.close(descriptor)
            told = os.read(status, 4096)
            started(_pid(told))
            try:
                await self._until_ended(process, control)
            finally:
                self.ended = Ended(*_how_it_ended(told + os.read(status, 4096)), self._ended_by)
        finally:
            self._output.close()
            for descriptor in (control, status, lock):
                os.close(descriptor)

    async def _open(self, control: int, status: int, lock: int) -> Process:
        supervisor = [sys.executable, "-I", "-S", str(SUPERVISOR), str(control), str(status), str(GRACE), "--"]
        return await anyio.open_process(
            [*supervisor, *self._argv],
            cwd=self._cwd,
            env=dict(self._env),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(control, status, lock),
        )

    async def _until_ended(self, process: Process, control: int) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_pump, process, self._output)
            try:
                with anyio.move_on_after(self._timeout) as limit:
                    await process.wait()
                self._ended_by = "timeout" if limit.cancelled_caught else "itself"
            finally:
                with anyio.CancelScope(shield=True):
                    await _descend(process, control)


def _pid(told: bytes) -> int:
    """The command's pid, which the supervisor tells first."""
    return int(json.loads(told.splitlines()[0])["pid"]) if told else 0


def _how_it_ended(told: bytes) -> tuple[int | None, int]:
    """The exit code and what outlived the command; a supervisor that was killed tells neither."""
    last = json.loads(told.splitlines()[-1]) if told else {}
    return last.get("exit"), last.get("leaked", 0)


async def _pump(process: Process, output: Output) -> None:
    """Everything the command writes; shielded, for the last words come after a cancellation."""
    assert process.stdout is not None
    with anyio.CancelScope(shield=True), contextlib.suppress(anyio.ClosedResourceError):
        async for chunk in process.stdout:
            output.feed(chunk)


async def _descend(process: Process, control: int) -> None:
    """INT, TERM, KILL, each with its time to work; nothing for a process that has ended."""
    for order, patience in LADDER:
        if process.returncode is not None:
            return
        with contextlib.suppress(BrokenPipeError):
            os.write(control, order)
        with anyio.move_on_after(patience):
            await process.wait()


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
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
    finally:
        os.close(descriptor)


def marked_processes(folder: SessionFolder) -> list[int]:
    """The processes that a session's suites started, by the folder that their environment names."""
    marker = f"{FOLDER_VARIABLE}={folder.path}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if marker in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found
