"""`go test -json`: one event a line (`go doc test2json`)."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from netra_loop.adapters.suites.reports.report import (
    LONGEST_MESSAGE,
    Draft,
    RefusedError,
    Report,
    ReportFormat,
    identity,
    seconds,
)
from netra_loop.core.events import TestResult
from netra_loop.core.outcome import RED_OUTCOMES, TestOutcome

LONGEST_LINE = 1024 * 1024  # bytes
NOT_BUILT = re.compile(rb"^FAIL\t(\S{1,500}) \[(?:build|setup) failed\]", re.MULTILINE)
"""What go before 1.24 writes between the events for a package that does not compile."""
_ENDS = {"pass": TestOutcome.PASSED, "fail": TestOutcome.FAILED, "skip": TestOutcome.SKIPPED}


@dataclass(slots=True)
class _Package:
    """A package under test; `output` is its own, and that of each test which has not ended."""

    ended: str = ""
    red: bool = False
    output: dict[str, str] = field(default_factory=dict)
    running: dict[str, None] = field(default_factory=dict)


def read_gotest(data: bytes) -> Report:
    """Never raises on content. A stream cut exactly between two packages cannot be told from a whole one."""
    reader = _Reader()
    try:
        for event in _events(data, reader.draft):
            reader.take(event)
        reader.end()
    except RefusedError as error:
        reader.draft.broken(f"refused: {error}")
    return reader.draft.finish()


def _events(data: bytes, draft: Draft) -> Iterator[dict[str, Any]]:
    """The events; other lines (a compiler's, a shell's) are counted, a broken event means that one may be lost."""
    strange = 0
    for number, line in enumerate(io.BytesIO(data), 1):
        try:
            event = json.loads(line) if len(line) <= LONGEST_LINE else None
        except (ValueError, RecursionError):
            event = None
        if isinstance(event, dict) and isinstance(event.get("Action"), str):
            yield event
        elif not_built := NOT_BUILT.match(line):
            yield {
                "Action": "fail",
                "Package": not_built.group(1).decode(errors="replace"),
                "Output": "it does not build",
            }
        elif line.lstrip().startswith(b"{"):
            draft.broken(f"line {number} is no event of go test")
        else:
            strange += bool(line.strip())
    if strange:
        draft.problem(f"lines that are no events: {strange}")
    if not data.endswith(b"\n"):
        draft.broken("the last line breaks off")


class _Reader:
    def __init__(self) -> None:
        self.draft = Draft(ReportFormat.GO_TEST, "go test")
        self._packages: dict[str, _Package] = {}
        self._build: dict[str, str] = {}

    def take(self, event: dict[str, Any]) -> None:
        action = event["Action"]
        if action == "build-output":
            _append(self._build, str(event.get("ImportPath")), event)
            return
        if "Package" not in event:
            return
        name, test = str(event["Package"]), str(event.get("Test") or "")
        package = self._packages.setdefault(name, _Package())
        if action in ("run", "start") and package.ended:
            self._packages[name] = package = _Package()  # the package runs once more
        if action == "run":
            package.running[test] = None
        elif action == "output":
            _append(package.output, test, event)
        elif action in _ENDS:
            self._ended(name, package, test, event)

    def _ended(self, name: str, package: _Package, test: str, event: dict[str, Any]) -> None:
        if test:
            package.running.pop(test, None)
            output = package.output.pop(test, "")
            self._add(package, name, test, _ENDS[event["Action"]], output, seconds(event.get("Elapsed")))
            return
        package.ended = event["Action"]
        self._leave(name, package, "its package ended before it did")
        if package.ended == "fail" and not package.red:
            output = self._build.get(str(event.get("FailedBuild")), "") + package.output.get("", "")
            output = output or str(event.get("Output") or "")
            self._add(package, name, "(package)", TestOutcome.ERROR, output, seconds(event.get("Elapsed")))

    def end(self) -> None:
        """What has no end is told: a test that ran, and a package that never ended."""
        for name, package in self._packages.items():
            if not package.ended:
                self.draft.broken(f"package {name} has no end")
                self._leave(name, package, "the report breaks off while it ran")
        if not self._packages:
            self.draft.broken("no package in it")

    def _leave(self, name: str, package: _Package, why: str) -> None:
        for test in package.running:
            self._add(package, name, test, TestOutcome.ERROR, f"{why}\n{package.output.get(test, '')}", None)
        package.running.clear()

    def _add(
        self, package: _Package, name: str, test: str, outcome: TestOutcome, output: str, duration: float | None
    ) -> None:
        package.red |= outcome in RED_OUTCOMES
        message = "" if outcome is TestOutcome.PASSED else output.strip()
        self.draft.add(TestResult(identity([name], test), outcome, duration, message))


def _append(outputs: dict[str, str], key: str, event: dict[str, Any]) -> None:
    known = outputs.get(key, "")
    outputs[key] = known + str(event.get("Output") or "")[: LONGEST_MESSAGE - len(known)]
