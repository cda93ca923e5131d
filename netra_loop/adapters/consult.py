"""Asks an outside program, perhaps a language model behind one, about red tests that no known cause explains."""

from __future__ import annotations

import secrets
import shlex
from dataclasses import replace
from pathlib import Path

from netra_loop.adapters.files import SessionFolder, write_whole
from netra_loop.adapters.outside import Outside, Said
from netra_loop.adapters.redact import Redactor
from netra_loop.core.events import Act, HandleKnown
from netra_loop.core.problem import Consulted, Problem
from netra_loop.core.session import Session
from netra_loop.diagnosis.answer import Unusable, hypotheses, with_hypotheses
from netra_loop.diagnosis.bundle import bundle
from netra_loop.diagnosis.scene import Scene
from netra_loop.ports import Say


class Consultant:
    def __init__(self, project: Path, folder: SessionFolder, redactor: Redactor) -> None:
        self._project = project
        self._folder = folder
        self._redactor = redactor
        self._outside = Outside(folder, redactor)

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
        said = await self._outside.run(
            program,
            cwd=self._project,
            reads=question,
            place=place,
            started=lambda pid: say(HandleKnown(act.id, {"pid": str(pid)})),
        )
        kept = (self._outside.kept(question), self._outside.kept(said.path))
        consulted = Consulted(program.argv, said.ended.exit_code, said.duration_s, *kept)
        try:
            found = hypotheses(_answer(said, program.timeout), asked.asks)
        except Unusable as why:
            return problems, replace(consulted, failure=str(why))
        return with_hypotheses(problems, found), replace(consulted, hypotheses=len(found))


def _answer(said: Said, timeout: float) -> str:
    """What a program said that ended well, in time. Raises Unusable."""
    if failure := said.failure(timeout):
        raise Unusable(failure)
    return said.path.read_text("utf-8")
