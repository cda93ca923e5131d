"""Suites that misbehave, one file each in tests/cases/misbehaving: what is told of them, every finished test included.

All of them run for real, side by side, under the runner of suites; only Cloud Run is a small object. Of every one
nothing is left.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

import anyio
import pytest
import yaml

from netra_loop.adapters.address import Address
from netra_loop.adapters.cloudrun import CloudRun, ServiceState
from netra_loop.adapters.files import SessionFolder, State
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.suites.pytest_suite import PytestSuites
from netra_loop.adapters.suites.runner import SuitesRunner
from netra_loop.adapters.supervise import marked_processes
from netra_loop.core.events import ActEnded, Event
from netra_loop.core.gate import Gate, Tolerance
from netra_loop.core.outcome import Proof
from netra_loop.core.plan import Kind, Phase, Suite, SuiteRunner
from netra_loop.core.results import results_of
from netra_loop.core.seen import Share
from netra_loop.core.session import Session
from netra_loop.core.target import Target
from tests.adapters.silent import silent_witness
from tests.stories import Story, plan_of, step

CASES = {path.stem: path for path in sorted((Path(__file__).parents[1] / "cases" / "misbehaving").glob("*.txt"))}
AT_ONCE = 8
TOLD_EARLY = 60.0  # seconds; no case needs that long, a machine may be slow

PREAMBLE = "import os, pytest, signal, subprocess, sys, time\nfrom target import get\n\n"
TARGET = """
import os, urllib.request

def get():
    with urllib.request.urlopen(os.environ["BACKEND_URL"], timeout=10) as answer:
        return answer.read().decode()

def evidence():
    open_files = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
    return next(path for path in open_files if path.endswith("evidence.jsonl"))
"""


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response_only(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args: object) -> None:
        """Nobody reads it."""


@contextmanager
def target() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class OneService:
    """Cloud Run as the runner of suites asks it; a file `moved` says that somebody changed the service meanwhile."""

    def __init__(self, url: str, project: Path) -> None:
        self._url = url
        self._project = project

    def service(self, name: str) -> ServiceState:
        everything = (Share("backend-1", 100),)
        changes = 1 + 2 * (self._project / "moved").exists()
        return ServiceState(name, self._url, everything, everything, "backend-1", False, "etag", generation=changes)

    async def address(self, target: Target, service: ServiceState) -> Address:
        return Address(service.url, service.serving, service.generation)


class Run:
    """One case: its project, its session, and the act of its suite."""

    def __init__(self, path: Path, url: str, base: Path, compiled: Path) -> None:
        sections = dict(re.findall(r"^=== (\w+)\n(.*?)(?=^=== |\Z)", path.read_text("utf-8"), re.MULTILINE | re.DOTALL))
        settings: dict[str, Any] = yaml.safe_load(sections.get("settings", "")) or {}
        self.project = base / "project"
        self.project.mkdir(parents=True)
        for name, text in {
            "test_it.py": PREAMBLE + sections["suite"],
            "target.py": TARGET,
            "expected.json": '"better"',
            "pytest.ini": "[pytest]\n",
        }.items():
            (self.project / name).write_text(text, encoding="utf-8")
        state = State(base / "state")
        state.prepare()
        state.pycache.symlink_to(compiled)
        (base / "session" / "artifacts").mkdir(parents=True)
        self.folder = SessionFolder(base / "session")
        self.story = _story(settings)
        cloud = cast(CloudRun, OneService(url, self.project))
        suites = {SuiteRunner.PYTEST: PytestSuites(self.project, self.folder, state, Redactor())}
        self._runner = SuitesRunner(cloud, suites, silent_witness(), self.project, self.folder, state.locks)

    async def go(self) -> None:
        act = self.story.session.running[0].act
        result = await self._runner.run(act, self.story.session, self._say)
        self._say(ActEnded(act.id, result))

    def _say(self, event: Event) -> Session:
        return self.story.emit(event, after=0.0).session

    @property
    def told(self) -> str:
        """The suite's outcome and reasons, then each test."""
        (record,) = self.story.session.current.acts.values()  # type: ignore[union-attr]
        assert record.result is not None
        head = ": ".join(filter(None, (record.result.outcome.value, ", ".join(record.result.reasons))))
        tests = [
            " ".join((test.outcome.value, *_counts(test.proof), test.id.partition("::")[2]))
            for test in results_of(self.story.session, record)
        ]
        return "".join(f"{line}\n" for line in (head, *tests))


def _counts(proof: Proof | None) -> tuple[str, ...]:
    return () if proof is None else ("counted" if proof.counts else "uncounted",)


def _story(settings: Mapping[str, Any]) -> Story:
    """A session in which the suite of a case has just begun."""
    suite = Suite(
        "case",
        "Case",
        "P1",
        ".",
        ("test_it.py",),
        TOLD_EARLY,
        python=settings.get("python", ""),
        args=tuple(settings.get("args", ())),
        env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        targets=("backend",),
        idle_timeout=settings.get("idle_timeout"),
    )
    gate = Gate(Tolerance(settings.get("tolerance", 0)))
    limited = replace(step(Kind.SUITE, "case"), timeout=settings.get("timeout", TOLD_EARLY), gate=gate)
    return Story(plan_of(Phase("suites", "Suites", (limited,)), suites=(suite,))).begin().start("case")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Mapping[str, Run]:
    """Every case after its run; those that wait for their time to pass wait together."""
    base = tmp_path_factory.mktemp("misbehaving")

    async def all_of_them(runs: Mapping[str, Run]) -> None:
        limiter = anyio.CapacityLimiter(AT_ONCE)

        async def one(run: Run) -> None:
            async with limiter:
                await run.go()

        first, *others = runs.values()
        await first.go()  # it compiles pytest for all of them
        async with anyio.create_task_group() as tasks:
            for run in others:
                tasks.start_soon(one, run)

    with target() as url:
        found = {name: Run(path, url, base / name, compiled) for name, path in CASES.items()}
        anyio.run(all_of_them, found)
    return found


@pytest.mark.parametrize("case", CASES)
def test_every_finished_test_is_kept_and_nothing_is_left(runs: Mapping[str, Run], case: str) -> None:
    assert runs[case].told == CASES[case].read_text("utf-8").rpartition("=== expected\n")[2]
    assert marked_processes(runs[case].folder) == []
