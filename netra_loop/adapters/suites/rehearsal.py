"""Runs a suite's tests once, only to learn how each ends: nothing of it enters the session."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.output import Output
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.suites.attempt import Attempt
from netra_loop.adapters.suites.command_suite import CommandSuites
from netra_loop.adapters.suites.evidence_stream import EvidenceStream
from netra_loop.adapters.suites.pytest_suite import PytestSuites, command_line
from netra_loop.core.control import Rehearsal
from netra_loop.core.events import Event, TestsCollected, TestsObserved
from netra_loop.core.outcome import TestOutcome
from netra_loop.core.problem import Evidence
from netra_loop.core.proof import may_have_met
from netra_loop.core.session import Session

Rehearse = Callable[[Attempt, Session], Awaitable[tuple[Rehearsal, Evidence]]]
"""Runs a suite of one kind as the attempt says; how its tests ended, and what its process said."""

_EVERY_TEST = "--maxfail=0"  # a suite that stops at its first failure would tell of one test only


class PytestRehearsal:
    """The same process as when the suite counts, told elsewhere."""

    def __init__(self, suites: PytestSuites, project: Path, folder: SessionFolder, redactor: Redactor) -> None:
        self._suites = suites
        self._project = project
        self._folder = folder
        self._redactor = redactor

    async def __call__(self, attempt: Attempt, session: Session) -> tuple[Rehearsal, Evidence]:
        """Every test's end under the name that a suite's act tells it by."""
        heard = _Heard(session)
        output = Output(attempt.folder / "output.txt", self._redactor)
        with contextlib.closing(EvidenceStream(attempt.stream, attempt.nonce)) as stream:
            argv = [*command_line(attempt.suite, self._project), _EVERY_TEST]
            ended = await self._suites.follow(attempt, argv, output, stream, heard.hear)
            self._suites.mask_stream(attempt, stream)
        tests = heard.tests(TestOutcome.ERROR if ended.ended_by == "itself" else TestOutcome.TIMEOUT)
        missing = len(heard.collected.keys() - tests.keys())
        broken = tuple(stream.collection_errors)
        told = Rehearsal(tests, ended.ended_by, stream.greeted, broken, missing, frozenset(heard.unmet))
        return told, output.evidence(f"output of {attempt.suite.id} against {attempt.folder.name}", self._folder)


class CommandRehearsal:
    """The same command as when the suite counts; its report tells how each test ended."""

    def __init__(self, suites: CommandSuites) -> None:
        self._suites = suites

    async def __call__(self, attempt: Attempt, session: Session) -> tuple[Rehearsal, Evidence]:
        """Every test's end under the name that a suite's act tells it by; a report that breaks off is named."""
        heard = _Heard(session)
        seen, evidence = await self._suites.seen(attempt, heard.hear)
        tests = heard.tests(TestOutcome.ERROR)
        broken = () if seen.finished or not seen.began else ("the report is not whole",)
        return Rehearsal(tests, seen.ended_by, seen.began, broken), evidence[0]


@dataclass
class _Heard:
    """What a session would have recorded."""

    session: Session
    collected: dict[str, None] = field(default_factory=dict)
    started: dict[str, None] = field(default_factory=dict)
    ended: dict[str, TestOutcome] = field(default_factory=dict)
    unmet: set[str] = field(default_factory=set)

    def hear(self, event: Event) -> Session:
        match event:
            case TestsCollected():
                self.collected.update(dict.fromkeys(event.ids))
            case TestsObserved():
                self.started.update(dict.fromkeys(event.started))
                self.ended.update((result.id, result.outcome) for result in event.results)
                self.unmet.update(r.id for r in event.results if r.facts is None or not may_have_met(r.facts))
        return self.session

    def tests(self, without_end: TestOutcome) -> dict[str, TestOutcome]:
        """How each test ended that was started, the last attempt speaking."""
        return {**dict.fromkeys(self.started, without_end), **self.ended}
