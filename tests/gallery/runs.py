"""Runs the gallery's projects under the plugin as the orchestrator does, and grades what was seen of each test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from netra_loop.adapters.suites.evidence_stream import EvidenceStream
from netra_loop.adapters.suites.pytest_suite import PLUGIN, PLUGIN_FOLDER
from netra_loop.core.events import TestResult
from netra_loop.core.gate import Gate
from netra_loop.core.outcome import Outcome, TestOutcome
from netra_loop.core.plan import Suite
from netra_loop.core.proof import Control
from netra_loop.core.seen import SuiteSeen
from netra_loop.core.suites import graded, judge

from .projects import FOLDER, Project, projects
from .target import Target, wrong_targets

_INHERITED = ("HOME", "LANG", "PATH", "TMPDIR")
_NONCE = "of-the-gallery"
_PLUGINS = ("anyio", "pytest_httpx", "requests_mock.contrib._pytest_plugin", "pytest_rerunfailures")


class Mode(Enum):
    """What a run meets, and whether the kernel tells of it."""

    LIVE = "live"
    WITHOUT_KERNEL = "without kernel"
    DEAD = "dead"
    SABOTAGED = "sabotaged"


@dataclass(frozen=True, slots=True)
class Run:
    """What one process told: the end of every test that it collected, and its own end."""

    results: Mapping[str, TestResult]
    exit_code: int
    finished: bool
    strange: int
    deselected: int | None
    collection_errors: tuple[str, ...]
    output: str

    def of(self, project: Project) -> tuple[TestResult, ...]:
        return tuple(result for name, result in self.results.items() if name.startswith(f"{project.name}/"))


@dataclass(frozen=True, slots=True)
class Seen:
    """One project as it was seen: its tests by evidence alone, with the control, and with what Python alone saw."""

    project: Project
    exit_code: int
    alone: Mapping[str, TestResult]
    controlled: Mapping[str, TestResult]
    without_kernel: Mapping[str, TestResult]
    outcome: Outcome
    reasons: tuple[str, ...]


class Gallery:
    """A copy of the projects, ready to be run. Whoever runs them must be the only one who talks to the target."""

    def __init__(self, folder: Path, target: Target, compiled: Path) -> None:
        """compiled: where the compiled files of what suites import are kept."""
        self._folder = folder / "projects"
        self._compiled = compiled
        self._streams = folder / "streams"
        self._target = target
        self._projects = [project for project in projects() if not project.missing]
        shutil.copytree(FOLDER, self._folder)
        self._streams.mkdir()

    def visit(self) -> dict[str, Seen]:
        """Run every project in every mode that it has and grade its tests."""
        together = [project for project in self._projects if not project.alone]
        with wrong_targets() as wrong, ThreadPoolExecutor(2) as pool:
            targets = {
                Mode.LIVE: self._target,
                Mode.WITHOUT_KERNEL: self._target,
                Mode.DEAD: self._target.at(wrong.dead),
                Mode.SABOTAGED: self._target.at(wrong.sabotaged),
            }
            real = pool.submit(self._runs, (Mode.LIVE, Mode.WITHOUT_KERNEL), together, targets)
            false = pool.submit(self._runs, (Mode.DEAD, Mode.SABOTAGED), together, targets)
            runs = real.result() | false.result()
        return {project.name: _seen(project, runs) for project in self._projects}

    def _runs(
        self, modes: Sequence[Mode], together: Sequence[Project], targets: Mapping[Mode, Target]
    ) -> dict[tuple[Mode, str], Run]:
        """The runs in these modes, one after the other, each under the name of every project that is part of it."""
        runs: dict[tuple[Mode, str], Run] = {}
        for mode in modes:
            shared = self._run(mode, targets[mode], *together)
            runs |= {(mode, project.name): shared for project in together}
            for project in self._projects:
                if project.alone and (mode is Mode.LIVE or (project.control and mode is not Mode.WITHOUT_KERNEL)):
                    runs[mode, project.name] = self._run(mode, targets[mode], project)
        return runs

    def _run(self, mode: Mode, target: Target, *chosen: Project) -> Run:
        stream = self._streams / f"{mode.name}-{chosen[0].name}-{len(chosen)}.jsonl"
        env = {
            **self._environment(target, self._compiled),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # what else is installed would cost each process a second
            "PYTHONPATH": str(PLUGIN_FOLDER),
            "NETRA_LOOP_EVIDENCE_STREAM": str(stream),
            "NETRA_LOOP_EVIDENCE_NONCE": _NONCE,
            "NETRA_LOOP_EVIDENCE_TARGETS": json.dumps(sorted(set(target.addresses.values()))),
            "NETRA_LOOP_EVIDENCE_ALONE": "1",
            **({"NETRA_LOOP_EVIDENCE_KERNEL": "off"} if mode is Mode.WITHOUT_KERNEL else {}),
        }
        with closing(EvidenceStream(stream, _NONCE)) as reader:
            done = self._pytest(chosen, env, "-p", PLUGIN, "-o", "enable_assertion_pass_hook=true")
            return _told(reader, done)

    def plain(self, project: Project) -> subprocess.CompletedProcess[str]:
        """The project in plain pytest, without anything of ours: compiled files of its own, for they lack our hook."""
        return self._pytest((project,), self._environment(self._target, self._compiled.with_name("compiled-plainly")))

    def _pytest(
        self, chosen: Sequence[Project], env: Mapping[str, str], *args: str
    ) -> subprocess.CompletedProcess[str]:
        plugins = [word for plugin in _PLUGINS for word in ("-p", plugin) if len(chosen) > 1]
        more = [word for project in chosen for word in project.args]
        own = {name: value for project in chosen for name, value in project.env.items()}
        return subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "--tb=native", "-p", "no:cacheprovider", *plugins, *args),
                *("--rootdir", str(self._folder), "--import-mode=importlib", *more),
                *(project.name for project in chosen),
            ],
            cwd=self._folder,
            env={**env, **own},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=300,
            check=False,
        )

    def _environment(self, target: Target, compiled: Path) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            **target.env,
            "SSL_CERT_FILE": str(target.certificate),  # clients that load all the authorities of the world are slow
            "PYTHONPYCACHEPREFIX": str(compiled),
        }


def _told(reader: EvidenceStream, done: subprocess.CompletedProcess[str]) -> Run:
    news = reader.look_at_all()
    last = {result.id: result for result in news.results}
    started = set(news.started)
    return Run(
        {name: last.get(name) or _without_end(name, started) for name in news.collected},
        done.returncode,
        reader.finished,
        reader.strange_lines + (reader.told_exit not in (None, done.returncode)),
        reader.deselected,
        tuple(reader.collection_errors),
        done.stdout,
    )


def _without_end(name: str, started: set[str]) -> TestResult:
    return TestResult(name, TestOutcome.ERROR if name in started else TestOutcome.NOT_RUN)


def _seen(project: Project, runs: Mapping[tuple[Mode, str], Run]) -> Seen:
    live = runs[Mode.LIVE, project.name]
    python = runs.get((Mode.WITHOUT_KERNEL, project.name), live)
    control = _control(runs.get((Mode.DEAD, project.name)), runs.get((Mode.SABOTAGED, project.name)))
    controlled = tuple(_graded(live.of(project), control))
    exit_code = live.exit_code if project.alone else _exit_code(controlled)
    outcome, reasons = judge(_suite(project), Gate(), _suite_seen(project, live, exit_code), controlled, 10.0)
    return Seen(
        project,
        exit_code,
        {test.id: test for test in _graded(live.of(project), {})},
        {test.id: test for test in controlled},
        {test.id: test for test in _graded(python.of(project), control)},
        outcome,
        reasons,
    )


def _control(dead: Run | None, sabotaged: Run | None) -> dict[str, Control]:
    if dead is None or sabotaged is None:
        return {}
    names = {**dead.results, **sabotaged.results}
    return {name: Control(_outcome(dead, name), _outcome(sabotaged, name)) for name in names}


def _outcome(run: Run, name: str) -> TestOutcome | None:
    return run.results[name].outcome if name in run.results else None


def _graded(results: Sequence[TestResult], control: Mapping[str, Control]) -> Iterator[TestResult]:
    return (graded(result, control.get(result.id, Control())) for result in results)


def _exit_code(tests: Sequence[TestResult]) -> int:
    """What pytest's exit code would have been for these tests alone."""
    red = any(test.outcome in (TestOutcome.FAILED, TestOutcome.ERROR) for test in tests)
    return int(red) if tests else 5


def _suite(project: Project) -> Suite:
    return Suite(project.name, "", "P1", ".", (project.name,), 60, args=project.args, declared_tests=project.declared)


def _suite_seen(project: Project, run: Run, exit_code: int) -> SuiteSeen:
    return SuiteSeen(
        suite=project.name,
        exit_code=exit_code,
        ended_by="itself",
        began=True,
        finished=run.finished,
        leaked=0,
        revisions={"api": "api-00042"},
        revisions_after={"api": "api-00042"},
        collection_errors=run.collection_errors,
        deselected=run.deselected,
        strange=run.strange,
    )
