"""Kind `suite`, runner `pytest`: the project's own pytest in a process of its own, watched by our plugin."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import anyio

import netra_loop
from netra_loop.adapters.cloudrun import CloudRun
from netra_loop.adapters.files import SessionFolder, State, write_whole
from netra_loop.adapters.google_errors import errored
from netra_loop.adapters.locate import Address, locate
from netra_loop.adapters.locks import lease
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.suites.evidence_stream import EvidenceStream
from netra_loop.adapters.suites.telling import Teller
from netra_loop.adapters.supervise import FOLDER_VARIABLE, Ended, Output, Supervision
from netra_loop.adapters.websocket import websocket_url
from netra_loop.core.errors import LockedError
from netra_loop.core.events import Act, HandleKnown, Result, SuiteSeen
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Kind, Network, Suite
from netra_loop.core.proof import Control
from netra_loop.core.remediation import to_verify
from netra_loop.core.session import Session, control_of, results_of
from netra_loop.core.suites import judge, judge_verification
from netra_loop.ports import Say

PLUGIN = "netra_loop_evidence"
PLUGIN_FOLDER = Path(netra_loop.__file__).parent / "evidence"
_INHERITED = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "USER", "LOGNAME", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One try to run a suite: where its files are and what it is pointed at."""

    act: Act
    suite: Suite
    number: int
    folder: Path
    nonce: str
    addresses: Mapping[str, Address]
    timeouts: Mapping[str, float]
    only: tuple[str, ...]
    """The tests to run, all of them for none."""
    control: Mapping[str, Control]

    @property
    def selection(self) -> Path:
        return self.folder / "selection.json"

    @property
    def stream(self) -> Path:
        return self.folder / "evidence.jsonl"


class PytestRunner:
    """Runs suites, and of a suite only the tests that remedies are to turn green (kind `verify`)."""

    def __init__(self, cloud: CloudRun, project: Path, folder: SessionFolder, state: State, redactor: Redactor) -> None:
        """state: compiled files of ours alone, since those of others may lack the assertion hook; and the locks."""
        self._cloud = cloud
        self._project = project
        self._folder = folder
        self._pycache = state.pycache
        self._locks = state.locks
        self._redactor = redactor

    async def run(self, act: Act, session: Session, say: Say) -> Result:
        """The suite's outcome by the rules of `core.suites`; every finished test is kept however the process ends."""
        environment = session.plan.environment.name
        leased = act.user if act.user and f"user:{act.user}" in act.holds else ""
        try:
            async with lease(self._locks, environment, leased, session.id, act.timeout):
                return await self._run(act, session, say)
        except LockedError as error:
            return Result(Outcome.ERRORED, (error.message,))

    async def _run(self, act: Act, session: Session, say: Say) -> Result:
        suite = session.plan.suite(act.subject)
        try:
            addresses = await self._locate(act, session, suite)
        except Exception as error:
            return errored(error, f"finding the targets of {suite.id}")
        gone = [name for name, address in addresses.items() if address is None]
        if gone:
            return Result(Outcome.ERRORED, (f"not deployed: {', '.join(gone)}",))
        number = session.record(act.id).attempt
        attempt = _Attempt(
            act,
            suite,
            number,
            self._folder.artifact_folder(act.id, number),
            secrets.token_hex(8),
            {name: address for name, address in addresses.items() if address},
            session.plan.environment.timeouts,
            to_verify(session, session.iterations[act.iteration - 1])[suite.id] if act.kind is Kind.VERIFY else (),
            control_of(session, suite.id),
        )
        return await self._attempt(attempt, say)

    async def _locate(self, act: Act, session: Session, suite: Suite) -> dict[str, Address | None]:
        environment = session.plan.environment
        return {name: await locate(self._cloud, session, act, environment.target(name)) for name in suite.targets}

    async def _attempt(self, attempt: _Attempt, say: Say) -> Result:
        argv = command_line(attempt.suite, self._project)
        if attempt.only:
            write_whole(attempt.selection, json.dumps(attempt.only).encode(), 0o600)
        say(HandleKnown(attempt.act.id, {"command": shlex.join(argv)}))
        output = Output(attempt.folder / "output.txt", self._redactor)
        with contextlib.closing(EvidenceStream(attempt.stream, attempt.nonce)) as stream:
            ended = await self._followed(attempt, argv, output, stream, say)
            with anyio.CancelScope(shield=True):
                return await self._judged(attempt, ended, output, stream, say)
        raise AssertionError("a shield swallows nothing")

    async def _followed(
        self, attempt: _Attempt, argv: list[str], output: Output, stream: EvidenceStream, say: Say
    ) -> Ended:
        """Run the process and tell of its tests while it runs, and once more when it has ended."""
        supervision = Supervision(
            argv,
            cwd=self._project / attempt.suite.cwd,
            env=self._environment(attempt),
            timeout=attempt.act.timeout,
            output=output,
            kids=self._folder.kids,
        )
        teller = Teller(attempt.act.id, stream, attempt.control, self._redactor.text, say)
        with contextlib.suppress(anyio.get_cancelled_exc_class()):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(teller.follow)
                await supervision.run(lambda pid: say(HandleKnown(attempt.act.id, {"pid": str(pid)})))
                tasks.cancel_scope.cancel()
        teller.finish()
        return supervision.ended

    def _environment(self, attempt: _Attempt) -> dict[str, str]:
        """What CONTRACTS section 6 promises, and nothing of ours or of the cloud beyond it."""
        env = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        asked = {name: os.environ.get(name) if value is None else value for name, value in attempt.suite.env.items()}
        env |= {name: value for name, value in asked.items() if value is not None}
        interpreter = str(Path(python_of(attempt.suite, self._project)).parent)
        python_path = os.pathsep.join(filter(None, (str(PLUGIN_FOLDER), env.get("PYTHONPATH", ""))))
        env |= {
            "PATH": os.pathsep.join((interpreter, os.environ.get("PATH", os.defpath))),
            "PYTHONPATH": python_path,
            "PYTHONPYCACHEPREFIX": str(self._pycache),
            "CLOUDSDK_CONFIG": env.get("CLOUDSDK_CONFIG", str(attempt.folder / "no-cloud-credentials")),
            "NETRA_LOOP_SESSION_ID": self._folder.id,
            FOLDER_VARIABLE: str(self._folder.path),
            "NETRA_LOOP_SUITE": attempt.suite.id,
            "NETRA_LOOP_ATTEMPT": str(attempt.number),
            "NETRA_LOOP_EVIDENCE_STREAM": str(attempt.stream),
            "NETRA_LOOP_EVIDENCE_NONCE": attempt.nonce,
            "NETRA_LOOP_EVIDENCE_TARGETS": json.dumps([_host_port(a.url) for a in attempt.addresses.values()]),
            "TRACEPARENT": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01",
        }
        if attempt.suite.network is Network.ALONE:
            env["NETRA_LOOP_EVIDENCE_ALONE"] = "1"
        if attempt.only:
            env["NETRA_LOOP_EVIDENCE_SELECT"] = str(attempt.selection)
        if attempt.act.user:
            env["NETRA_LOOP_USER"] = attempt.act.user
        for name, seconds in attempt.timeouts.items():
            env[f"NETRA_LOOP_TIMEOUT_{name.upper().replace('-', '_')}"] = f"{seconds:g}"
        for name, address in attempt.addresses.items():
            variable = name.upper().replace("-", "_")
            env[f"{variable}_URL"] = address.url
            env[f"{variable}_WS_URL"] = websocket_url(address.url)
        return env

    async def _judged(
        self, attempt: _Attempt, ended: Ended, output: Output, stream: EvidenceStream, say: Say
    ) -> Result:
        session = say(HandleKnown(attempt.act.id, {"ended_by": ended.ended_by}))
        after = await self._revisions_after(attempt, session)
        seen = SuiteSeen(
            suite=attempt.suite.id,
            exit_code=ended.exit_code,
            ended_by=ended.ended_by,
            began=stream.greeted,
            finished=stream.finished,
            leaked=ended.leaked,
            revisions={name: address.revision for name, address in attempt.addresses.items()},
            revisions_after=after,
            collection_errors=tuple(stream.collection_errors),
            deselected=stream.deselected,
            strange=stream.strange_lines + (stream.told_exit not in (None, ended.exit_code)),
        )
        outcome, reasons = _outcome(attempt, session, seen)
        self._mask_stream(attempt, stream)
        if not stream.greeted:
            shutil.rmtree(self._pycache, ignore_errors=True)  # a broken compiled file would break every later session
        return Result(outcome, reasons, seen, (output.evidence(f"output of {attempt.suite.id}", self._folder),))

    async def _revisions_after(self, attempt: _Attempt, session: Session) -> dict[str, str]:
        try:
            addresses = await self._locate(attempt.act, session, attempt.suite)
        except Exception:  # what cannot be looked at is not known, and not known is never the same
            return dict.fromkeys(attempt.addresses, "")
        return {name: address.revision if address else "" for name, address in addresses.items()}

    def _mask_stream(self, attempt: _Attempt, stream: EvidenceStream) -> None:
        """The plugin knows no secrets: what it wrote is masked once nobody writes any more."""
        text = self._redactor.text(stream.content().decode("utf-8", "replace"))
        write_whole(attempt.stream, text.encode("utf-8", "replace"), 0o600)


def _outcome(attempt: _Attempt, session: Session, seen: SuiteSeen) -> tuple[Outcome, tuple[str, ...]]:
    record = session.record(attempt.act.id)
    tests = results_of(session, record)
    if attempt.only:
        return judge_verification(attempt.only, seen, tests)
    step = next(step for step in session.plan.steps if step.id == attempt.act.step)
    return judge(attempt.suite, step.gate, seen, tests, (session.at - record.begun).total_seconds())


def python_of(suite: Suite, project: Path) -> str:
    """The suite's interpreter: a path below the project or a command in PATH, else the one we run on."""
    if "/" in suite.python:
        return str(project / suite.python)
    return shutil.which(suite.python) or suite.python if suite.python else sys.executable


def command_line(suite: Suite, project: Path) -> list[str]:
    """How the suite is run; the plugin itself is configured by the environment only."""
    plugin = ["-p", PLUGIN, "-p", "no:cacheprovider", "-o", "enable_assertion_pass_hook=true"]
    return [python_of(suite, project), "-m", "pytest", *plugin, *suite.args, *suite.paths]


def _host_port(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
