"""Kind `run`: a command of the project, as an argument list; its exit code is its outcome."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import anyio

from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.output import Output
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.supervise import Ended, Supervision, marks
from netra_loop.core.events import Act, HandleKnown
from netra_loop.core.outcome import Outcome
from netra_loop.core.seen import CommandSeen, Result
from netra_loop.core.session import Session
from netra_loop.ports import Say

Told = Callable[[Mapping[str, str]], object]


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
        ended = await carried_out(
            step.argv, self._project, act.timeout, output, self._folder, lambda handle: say(HandleKnown(act.id, handle))
        )
        evidence = (output.evidence(f"output of {step.id}", self._folder),)
        outcome, reasons = unfinished(ended) or _judged(ended.exit_code)
        return Result(outcome, reasons, CommandSeen(ended.exit_code), evidence)


async def carried_out(
    argv: Sequence[str],
    cwd: Path,
    timeout: float,
    output: Output,
    folder: SessionFolder,
    told: Told,
    env: Mapping[str, str] | None = None,
) -> Ended:
    """How a command ended, within `timeout` seconds or by our cancellation; its handle is told as it is known.

    env: its environment, which is ours by default.
    """
    told({"command": shlex.join(argv)})
    supervision = Supervision(
        argv,
        cwd=cwd,
        env={**(os.environ if env is None else env), **marks(folder)},
        timeout=timeout,
        output=output,
        kids=folder.kids,
    )
    with contextlib.suppress(anyio.get_cancelled_exc_class()):
        await supervision.run(lambda pid: told({"pid": str(pid)}))
    return supervision.ended


def unfinished(ended: Ended) -> tuple[Outcome, tuple[str, ...]] | None:
    """What became of a command whose exit code says nothing; None where it does."""
    if ended.ended_by != "itself":
        return Outcome.INCOMPLETE, ("timed_out" if ended.ended_by == "timeout" else "stopped",)
    if ended.exit_code in (None, 127):
        return Outcome.ERRORED, ("not_started",)
    return (Outcome.ERRORED, ("left_processes",)) if ended.leaked else None


def _judged(exit_code: int | None) -> tuple[Outcome, tuple[str, ...]]:
    return (Outcome.PASSED, ()) if exit_code == 0 else (Outcome.FAILED, (f"exit {exit_code}",))
