"""Asks an outside program, perhaps a language model behind one, about red tests that no known cause explains."""

from __future__ import annotations

import os
import secrets
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import anyio

from netra_loop.adapters.files import SessionFolder, sha256_of, write_whole
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.suites.environment import asked_for
from netra_loop.adapters.supervise import FOLDER_VARIABLE, Ended, Output, Supervision
from netra_loop.core.events import Act, HandleKnown
from netra_loop.core.plan import OutsideProgram
from netra_loop.core.problem import Artifact, Consulted, Problem
from netra_loop.core.session import Session
from netra_loop.diagnosis.answer import Unusable, hypotheses, with_hypotheses
from netra_loop.diagnosis.bundle import bundle
from netra_loop.diagnosis.scene import Scene
from netra_loop.ports import Say

MOST_SAID = 64 * 1024  # bytes on standard output, and as many on standard error; who says more is ended
LONGEST_WHY = 300  # characters
_HOMES = ("HOME", "CLOUDSDK_CONFIG")  # where credentials of the cloud are found


class Consultant:
    def __init__(self, project: Path, folder: SessionFolder, redactor: Redactor) -> None:
        self._project = project
        self._folder = folder
        self._redactor = redactor

    async def ask(
        self, act: Act, session: Session, scene: Scene, problems: tuple[Problem, ...], say: Say
    ) -> tuple[tuple[Problem, ...], Consulted | None]:
        """The problems with the program's hypotheses, and how it was asked; None where nobody is, or need be.

        Whatever the program does, the problems keep what they had. Raises StorageError.
        """
        program = session.plan.environment.diagnose
        if program is None:
            return problems, None
        iteration = session.iterations[act.iteration - 1]
        asked = bundle(session, iteration, scene, problems, secrets.token_hex(16), self._redactor.text)
        if not asked.asks:
            return problems, None
        place = self._folder.artifact_folder(act.id, session.record(act.id).attempt)
        question = place / "outside_bundle.txt"  # no service has _ in its name: their logs are kept beside it
        write_whole(question, asked.text.encode(), 0o600)
        say(HandleKnown(act.id, {"command": shlex.join(program.argv)}))
        said = await self._said(program, question, place, lambda pid: say(HandleKnown(act.id, {"pid": str(pid)})))
        consulted = Consulted(
            program.argv, said.ended.exit_code, said.duration_s, self._kept(question), self._kept(said.path)
        )
        try:
            found = hypotheses(said.text(program.timeout), asked.asks)
        except Unusable as why:
            return problems, replace(consulted, failure=str(why))
        return with_hypotheses(problems, found), replace(consulted, hypotheses=len(found))

    async def _said(
        self, program: OutsideProgram, question: Path, place: Path, started: Callable[[int], object]
    ) -> _Said:
        """Run the program until it ends, its time passes or it says too much; nothing of it is left after that."""
        begun = time.monotonic()
        with anyio.CancelScope() as scope:
            answer = _Limited(place / "outside_answer.txt", self._redactor, scope.cancel)
            errors = _Limited(place / "outside_errors.txt", self._redactor, scope.cancel)
            supervision = Supervision(
                program.argv,
                cwd=self._project,
                env=self._environment(program, place / "outside_home"),
                timeout=program.timeout,
                output=answer,
                kids=self._folder.kids,
                reads=question,
                errors=errors,
            )
            await supervision.run(started)
        took = round(time.monotonic() - begun, 3)
        return _Said(answer.path, supervision.ended, took, answer.is_full or errors.is_full, errors.last_lines)

    def _environment(self, program: OutsideProgram, home: Path) -> dict[str, str]:
        """Nothing of the cloud, and a home of its own without anybody's credentials, unless it asks by name."""
        home.mkdir(exist_ok=True)
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            **asked_for(program.env),
            **{name: str(home) for name in _HOMES if name not in program.env},
            "NETRA_LOOP_SESSION_ID": self._folder.id,
            FOLDER_VARIABLE: str(self._folder.path),
        }

    def _kept(self, path: Path) -> Artifact:
        return Artifact(self._folder.reference(path), sha256_of(path), path.stat().st_size)


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


@dataclass(frozen=True, slots=True)
class _Said:
    """What the program left: its answer's file, how it ended and after how many seconds, its last words of errors."""

    path: Path
    ended: Ended
    duration_s: float
    is_too_much: bool
    errors: list[str]

    def text(self, timeout: float) -> str:
        """The answer of a program that ended well, in time. Raises Unusable."""
        if self.is_too_much:
            raise Unusable(f"it said more than {MOST_SAID} bytes")
        if self.ended.ended_by == "timeout":
            raise Unusable(f"it took longer than {timeout:g} s")
        if self.ended.exit_code != 0:
            code = "no exit code" if self.ended.exit_code is None else f"exit {self.ended.exit_code}"
            last = next((line.strip() for line in reversed(self.errors) if line.strip()), "")
            raise Unusable(f"{code}{': ' * bool(last)}{last}"[:LONGEST_WHY])
        return self.path.read_text("utf-8")
