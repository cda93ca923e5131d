"""Runner `pytest`: the project's own pytest in a process of its own, watched by our plugin."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shlex
import shutil
import sys
from pathlib import Path

import anyio

import netra_loop
from netra_loop.adapters.files import SessionFolder, State, write_whole
from netra_loop.adapters.output import Output
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.suites.attempt import Attempt
from netra_loop.adapters.suites.environment import suite_environment
from netra_loop.adapters.suites.evidence_stream import EvidenceStream
from netra_loop.adapters.suites.telling import Teller
from netra_loop.adapters.supervise import Ended, Supervision
from netra_loop.core.events import Event, HandleKnown
from netra_loop.core.plan import Network, Suite
from netra_loop.core.problem import Evidence
from netra_loop.core.seen import SuiteSeen
from netra_loop.core.session import Session
from netra_loop.ports import Say

PLUGIN = "netra_loop_evidence"
PLUGIN_FOLDER = Path(netra_loop.__file__).parent / "evidence"


class PytestSuites:
    """Runs suites of pytest."""

    def __init__(self, project: Path, folder: SessionFolder, state: State, redactor: Redactor) -> None:
        """state: compiled files of ours alone, since those of others may lack the assertion hook."""
        self._project = project
        self._folder = folder
        self._pycache = state.pycache
        self._redactor = redactor

    async def seen(self, attempt: Attempt, say: Say) -> tuple[SuiteSeen, tuple[Evidence, ...]]:
        """How its process ended; every finished test is told, however that was."""
        argv = command_line(attempt.suite, self._project)
        if attempt.only:
            write_whole(attempt.selection, json.dumps(attempt.only).encode(), 0o600)
        say(HandleKnown(attempt.act.id, {"command": shlex.join(argv)}))
        output = Output(attempt.folder / "output.txt", self._redactor)
        with contextlib.closing(EvidenceStream(attempt.stream, attempt.nonce)) as stream:
            ended = await self.follow(attempt, argv, output, stream, say)
            self.mask_stream(attempt, stream)
        if not stream.greeted:
            shutil.rmtree(self._pycache, ignore_errors=True)  # a broken compiled file would break every later session
        evidence = output.evidence(f"output of {attempt.suite.id}", self._folder)
        return self._told(attempt, ended, stream), (evidence,)

    def _told(self, attempt: Attempt, ended: Ended, stream: EvidenceStream) -> SuiteSeen:
        return SuiteSeen(
            suite=attempt.suite.id,
            exit_code=ended.exit_code,
            ended_by=ended.ended_by,
            began=stream.greeted,
            finished=stream.finished,
            leaked=ended.leaked,
            revisions={},
            revisions_after={},
            collection_errors=tuple(stream.collection_errors),
            deselected=stream.deselected,
            strange=stream.strange_lines + _left_otherwise(ended, stream.told_exit),
            cut=self._redactor.text(stream.cut),
        )

    async def follow(
        self, attempt: Attempt, argv: list[str], output: Output, stream: EvidenceStream, say: Say
    ) -> Ended:
        """Run the process and tell of its tests while it runs, and once more when it has ended. Cancelled, it ends."""
        supervision = Supervision(
            argv,
            cwd=self._project / attempt.suite.cwd,
            env=self._environment(attempt),
            timeout=attempt.act.timeout,
            output=output,
            kids=self._folder.kids,
            idle=attempt.suite.idle_timeout or math.inf,
        )

        def heard(event: Event) -> Session:
            supervision.heard()
            return say(event)

        teller = Teller(attempt.act.id, stream, attempt.control, self._redactor.text, heard)
        with contextlib.suppress(anyio.get_cancelled_exc_class()):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(teller.follow)
                await supervision.run(lambda pid: say(HandleKnown(attempt.act.id, {"pid": str(pid)})))
                tasks.cancel_scope.cancel()
        teller.finish()
        return supervision.ended

    def _environment(self, attempt: Attempt) -> dict[str, str]:
        """What every suite is given, and what our plugin needs."""
        env = suite_environment(attempt, self._folder)
        interpreter = str(Path(python_of(attempt.suite, self._project)).parent)
        env |= {
            "PATH": os.pathsep.join((interpreter, env["PATH"])),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(PLUGIN_FOLDER), env.get("PYTHONPATH", "")))),
            "PYTHONPYCACHEPREFIX": str(self._pycache),
            "NETRA_LOOP_EVIDENCE_STREAM": str(attempt.stream),
            "NETRA_LOOP_EVIDENCE_NONCE": attempt.nonce,
            "NETRA_LOOP_EVIDENCE_TARGETS": json.dumps(attempt.targets),
        }
        if attempt.suite.network is Network.ALONE:
            env["NETRA_LOOP_EVIDENCE_ALONE"] = "1"
        if attempt.only:
            env["NETRA_LOOP_EVIDENCE_SELECT"] = str(attempt.selection)
        return {**env, **attempt.variables}

    def mask_stream(self, attempt: Attempt, stream: EvidenceStream) -> None:
        """The plugin knows no secrets: what it wrote is masked once nobody writes any more."""
        text = self._redactor.text(stream.content().decode("utf-8", "replace"))
        write_whole(attempt.stream, text.encode("utf-8", "replace"), 0o600)


def python_of(suite: Suite, project: Path) -> str:
    """The suite's interpreter: a path below the project or a command in PATH, else the one we run on."""
    if "/" in suite.python:
        return str(project / suite.python)
    return shutil.which(suite.python) or suite.python if suite.python else sys.executable


def command_line(suite: Suite, project: Path) -> list[str]:
    """How the suite is run; the plugin itself is configured by the environment only."""
    plugin = ["-p", PLUGIN, "-p", "no:cacheprovider", "-o", "enable_assertion_pass_hook=true"]
    return [python_of(suite, project), "-m", "pytest", *plugin, *suite.args, *suite.paths]


def _left_otherwise(ended: Ended, told: int | None) -> bool:
    """Whether it told another exit code than it left with; when we ended it, the signal that did says nothing."""
    return ended.ended_by == "itself" and told not in (None, ended.exit_code)
