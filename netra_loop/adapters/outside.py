"""Runs a program of somebody else: without credentials of the cloud, for a bounded time, with bounded words."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio

from netra_loop.adapters.files import SessionFolder, sha256_of
from netra_loop.adapters.output import Output
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.suites.environment import asked_for
from netra_loop.adapters.supervise import Ended, Supervision, marks
from netra_loop.core.environment import OutsideProgram
from netra_loop.core.problem import Artifact

MOST_SAID = 64 * 1024  # bytes on standard output, and as many on standard error; who says more is ended
LONGEST_WHY = 300  # characters
_HOMES = ("HOME", "CLOUDSDK_CONFIG")  # where credentials of the cloud are found


@dataclass(frozen=True, slots=True)
class Said:
    """What the program left: its answer's file, how it ended and after how many seconds, its last words of errors."""

    path: Path
    ended: Ended
    duration_s: float
    is_too_much: bool
    errors: list[str]

    def failure(self, timeout: float) -> str:
        """Why it did not end well, in its time and in few words; empty where it did."""
        if self.is_too_much:
            return f"it said more than {MOST_SAID} bytes"
        if self.ended.ended_by == "timeout":
            return f"it took longer than {timeout:g} s"
        if self.ended.exit_code != 0:
            code = "no exit code" if self.ended.exit_code is None else f"exit {self.ended.exit_code}"
            last = next((line.strip() for line in reversed(self.errors) if line.strip()), "")
            return f"{code}{': ' * bool(last)}{last}"[:LONGEST_WHY]
        return ""


class Outside:
    def __init__(self, folder: SessionFolder, redactor: Redactor) -> None:
        self._folder = folder
        self._redactor = redactor

    async def run(
        self, program: OutsideProgram, *, cwd: Path, reads: Path, place: Path, started: Callable[[int], object]
    ) -> Said:
        """Run the program until it ends, its time passes or it says too much; nothing of it is left after that.

        reads: its standard input. place: where what it says is kept, and its home, which is empty.
        """
        begun = time.monotonic()
        with anyio.CancelScope() as scope:
            answer = _Limited(place / "outside_answer.txt", self._redactor, scope.cancel)
            errors = _Limited(place / "outside_errors.txt", self._redactor, scope.cancel)
            supervision = Supervision(
                program.argv,
                cwd=cwd,
                env=bare_environment(program.env, place / "outside_home") | marks(self._folder),
                timeout=program.timeout,
                output=answer,
                kids=self._folder.kids,
                reads=reads,
                errors=errors,
            )
            await supervision.run(started)
        took = round(time.monotonic() - begun, 3)
        return Said(answer.path, supervision.ended, took, answer.is_full or errors.is_full, errors.last_lines)

    def kept(self, path: Path) -> Artifact:
        """How the journal tells of a file of the session."""
        return Artifact(self._folder.reference(path), sha256_of(path), path.stat().st_size)


def bare_environment(variables: Mapping[str, str | None], home: Path) -> dict[str, str]:
    """For a program of somebody else: nothing of the cloud, and an empty home without anybody's credentials.

    variables: what it is given beside that, None for a value of ours.
    """
    home.mkdir(exist_ok=True)
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        **asked_for(variables),
        **{name: str(home) for name in _HOMES if name not in variables},
    }


class _Limited(Output):
    """Output that nobody reads beyond MOST_SAID bytes: what follows is dropped, and whoever writes it is ended."""

    def __init__(self, path: Path, redactor: Redactor, end: Callable[[], object]) -> None:
        super().__init__(path, redactor)
        self._room = MOST_SAID
        self._end = end

    @property
    def is_full(self) -> bool:
        return self._room < 0

    def feed(self, chunk: bytes) -> None:
        self._room -= len(chunk)
        if self.is_full:
            self._end()
        else:
            super().feed(chunk)
