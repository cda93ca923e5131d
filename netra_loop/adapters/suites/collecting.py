"""Asks suites which tests they have, without running any and without any target."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from netra_loop.adapters.output import Output
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.suites.environment import asked_for
from netra_loop.adapters.suites.evidence_stream import EvidenceStream
from netra_loop.adapters.suites.pytest_suite import PLUGIN_FOLDER, command_line, python_of
from netra_loop.adapters.supervise import Supervision
from netra_loop.core.environment import Environment
from netra_loop.core.plan import Suite, SuiteRunner
from netra_loop.core.selection import Collection

_TROUBLES = {"timeout": "timed_out", "stop": "stopped"}


class Collector:
    """Collects suites in their own environments, their targets replaced by an address where nobody listens."""

    def __init__(self, project: Path, pycache: Path, redactor: Redactor, environment: Environment) -> None:
        """environment: its timeouts and the first of its test users, who is not leased."""
        self._place = environment
        self._project = project
        self._pycache = pycache
        self._redactor = redactor

    async def collect(self, suites: Sequence[Suite], slots: int) -> tuple[Collection, ...]:
        """What each suite finds, in their order; so many are asked at once."""
        found: dict[str, Collection] = {}
        limiter = anyio.CapacityLimiter(slots)

        async def ask(suite: Suite, nowhere: str) -> None:
            async with limiter:
                found[suite.id] = await self._ask(suite, nowhere)

        with _nowhere() as address:
            async with anyio.create_task_group() as tasks:
                for suite in suites:
                    tasks.start_soon(ask, suite, address)
        return tuple(found[suite.id] for suite in suites)

    async def _ask(self, suite: Suite, nowhere: str) -> Collection:
        if suite.runner is not SuiteRunner.PYTEST:
            return Collection(suite)  # only its report tells
        nonce = secrets.token_hex(8)
        with TemporaryDirectory(prefix="netra-loop-") as name:
            folder = Path(name)
            output = Output(folder / "output.txt", self._redactor)
            with contextlib.closing(EvidenceStream(folder / "evidence.jsonl", nonce)) as stream:
                supervision = Supervision(
                    [*command_line(suite, self._project), "--collect-only", "-q"],
                    cwd=self._project / suite.cwd,
                    env=self._environment(suite, nowhere, folder, nonce),
                    timeout=suite.timeout,
                    output=output,
                    kids=folder / "kids.lock",
                )
                await supervision.run(lambda pid: None)
                return self._told(suite, stream, supervision.ended.ended_by, output.last_lines)

    def _told(self, suite: Suite, stream: EvidenceStream, ended_by: str, last_lines: Sequence[str]) -> Collection:
        """Where it did not get to the end of its collection, its last words are what went wrong."""
        mask, news = self._redactor.text, stream.look_at_all()
        trouble = _TROUBLES.get(ended_by, "" if stream.finished else "not_started")
        return Collection(
            suite,
            tests=tuple(mask(test) for test in news.collected),
            deselected=stream.deselected,
            errors=tuple(last_lines) if trouble else tuple(mask(error) for error in stream.collection_errors),
            trouble=trouble,
        )

    def _environment(self, suite: Suite, nowhere: str, folder: Path, nonce: str) -> dict[str, str]:
        """As when it runs, but for its targets and what belongs to a session."""
        env = asked_for(suite.env)
        interpreter = str(Path(python_of(suite, self._project)).parent)
        env |= {
            "PATH": os.pathsep.join((interpreter, os.environ.get("PATH", os.defpath))),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(PLUGIN_FOLDER), env.get("PYTHONPATH", "")))),
            "PYTHONPYCACHEPREFIX": str(self._pycache),
            "CLOUDSDK_CONFIG": str(folder / "no-cloud-credentials"),
            "NETRA_LOOP_SUITE": suite.id,
            "NETRA_LOOP_EVIDENCE_STREAM": str(folder / "evidence.jsonl"),
            "NETRA_LOOP_EVIDENCE_NONCE": nonce,
        }
        for name in suite.targets:
            variable = name.upper().replace("-", "_")
            env |= {f"{variable}_URL": f"http://{nowhere}", f"{variable}_WS_URL": f"ws://{nowhere}"}
        for name, seconds in self._place.timeouts.items():
            env[f"NETRA_LOOP_TIMEOUT_{name.upper().replace('-', '_')}"] = f"{seconds:g}"
        if self._place.users:
            env["NETRA_LOOP_USER"] = self._place.users.pool[0]
        return env


@contextlib.contextmanager
def _nowhere() -> Iterator[str]:
    """An address on loopback that refuses, and that nobody else can take meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"
