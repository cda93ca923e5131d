"""Kind `run`: a command of the project, as an argument list; its exit code is its outcome."""

from __future__ import annotations

import contextlib
import os
import shlex
from pathlib import Path

import anyio

from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.supervise import FOLDER_VARIABLE, Output, Supervision
from netra_loop.core.events import Act, HandleKnown
from netra_loop.core.outcome import Outcome
from netra_loop.core.seen import CommandSeen, Result
from netra_loop.core.session import Session
from netra_loop.ports import Say


class CommandRunner:
    def __init__(self, project: Path, folder: SessionFolder, redactor: Redactor) -> None:
        self._project = project
        self._folder = folder
        self._redactor = redactor

    async def run(self, act: Act, session: Session, say: Say) -> Result:
        """PASSED on exit 0, FAILED on any other, INCOMPLETE when it was ended early, ERRORED when it did not start."""
        step = next(step for step in session.plan.steps if step.id == act.step)
        attempt = session.record(act.id).attempt
        output = Output(self._folder.artifact_folder(act.id, attempt) / "output.txt", self._redactor)
        say(HandleKnown(act.id, {"command": shlex.join(step.argv)}))
        supervision = Supervision(
            step.argv,
            cwd=self._project,
            env={**os.environ, "NETRA_LOOP_SESSION_ID": session.id, FOLDER_VARIABLE: str(self._folder.path)},
            timeout=act.timeout,
            output=output,
            kids=self._folder.kids,
        )
        with contextlib.suppress(anyio.get_cancelled_exc_class()):
            await supervision.run(lambda pid: say(HandleKnown(act.id, {"pid": str(pid)})))
        ended = supervision.ended
        evidence = (output.evidence(f"output of {step.id}", self._folder),)
        outcome, reasons = _judged(ended.exit_code, ended.ended_by, ended.leaked)
        return Result(outcome, reasons, CommandSeen(ended.exit_code), evidence)


def _judged(exit_code: int | None, ended_by: str, leaked: int) -> tuple[Outcome, tuple[str, ...]]:
    if ended_by != "itself":
        return Outcome.INCOMPLETE, ("timed_out" if ended_by == "timeout" else "stopped",)
    if exit_code in (None, 127):
        return Outcome.ERRORED, ("not_started",)
    if leaked:
        return Outcome.ERRORED, ("left_processes",)
    return (Outcome.PASSED, ()) if exit_code == 0 else (Outcome.FAILED, (f"exit {exit_code}",))
