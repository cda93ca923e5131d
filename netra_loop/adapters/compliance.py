"""Kind `compliance`: the environment's checker, on the project or on any other folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from netra_loop.adapters.command import Told, carried_out, unfinished
from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.output import Output
from netra_loop.adapters.redact import Redactor
from netra_loop.core.compliance import Checker, checked, judged
from netra_loop.core.events import Act, HandleKnown
from netra_loop.core.outcome import Outcome
from netra_loop.core.seen import Result
from netra_loop.core.session import Session
from netra_loop.ports import Say


class ComplianceRunner:
    def __init__(self, project: Path, folder: SessionFolder, redactor: Redactor) -> None:
        self._project = project
        self._folder = folder
        self._redactor = redactor

    async def run(self, act: Act, session: Session, say: Say) -> Result:
        """The project, checked; a plan with such a step has a checker."""
        checker = session.plan.environment.compliance
        assert checker is not None
        kept = self._folder.artifact_folder(act.id, session.record(act.id).attempt) / "output.txt"
        told: Told = lambda handle: say(HandleKnown(act.id, handle))  # noqa: E731
        return await self.check(self._project, checker, kept, told, act.timeout)

    async def check(
        self,
        tree: Path,
        checker: Checker,
        kept: Path,
        told: Told,
        timeout: float,
        env: Mapping[str, str] | None = None,
    ) -> Result:
        """What the checker says of a folder, run in it, within `timeout` seconds; its output goes to the file `kept`.

        env: its environment, which is ours by default. INCOMPLETE when it was ended early, ERRORED when it did not
        start, or said what nobody can believe. Raises StorageError.
        """
        output = Output(kept, self._redactor)
        ended = await carried_out(checker.argv, tree, timeout, output, self._folder, told, env)
        evidence = (output.evidence(f"output of the checker, mode {checker.mode}", self._folder),)
        if (early := unfinished(ended)) is not None:
            return Result(*early, evidence=evidence)
        if output.is_cut:
            return Result(Outcome.ERRORED, ("said more than is kept",), evidence=evidence)
        seen = checked(checker, kept.read_text("utf-8"), ended.exit_code)
        return Result(*judged(seen), seen, evidence)
