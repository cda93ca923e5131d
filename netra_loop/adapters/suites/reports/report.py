"""What a report says, whoever wrote it, and the draft that its reader fills."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from netra_loop.core.events import TestResult

MOST_BYTES = 64 * 1024 * 1024  # of one report
MOST_TESTS = 100_000  # in one report
MOST_PROBLEMS = 50  # named; the others are counted
LONGEST_ID = 1_000  # characters
LONGEST_MESSAGE = 4_000  # characters
_SECONDS = re.compile(r"\d{1,12}(\.\d*)?([eE][-+]?\d{1,3})?", re.ASCII)


class ReportFormat(Enum):
    JUNIT = "junit"
    CTRF = "ctrf"
    GO_TEST = "go_test"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Report:
    """The tests of a report, one result each; `attempt` is the number of its last one, so a flaky pass has more than 1.

    producer: who seems to have written it, empty where nothing tells. whole: False where the report breaks off, is
    refused or cannot be read at some point; what was read before is kept. problems: what a reader should know of it;
    contradictions: how many of them say that it contradicts itself.
    """

    format: ReportFormat
    producer: str
    tests: tuple[TestResult, ...]
    whole: bool
    problems: tuple[str, ...]
    contradictions: int = 0


class RefusedError(Exception):
    """The report is read no further; the text says why."""


class Draft:
    """A report that is being read."""

    def __init__(self, report_format: ReportFormat, producer: str = "") -> None:
        self.producer = producer
        self.whole = True
        self.tests: list[TestResult] = []
        self._format = report_format
        self._problems: list[str] = []
        self._contradictions = 0
        self._numbers: dict[str, int] = {}
        self._repeated = 0
        self._unnamed = 0

    def problem(self, text: str) -> None:
        if len(self._problems) < MOST_PROBLEMS:
            self._problems.append(text[:LONGEST_ID])
        else:
            self._unnamed += 1

    def contradiction(self, text: str) -> None:
        """The report says one thing here and another there."""
        self._contradictions += 1
        self.problem(text)

    def broken(self, text: str) -> None:
        """The report is not whole, and why; that is named first."""
        self.whole = False
        self._problems.insert(0, text[:LONGEST_ID])

    def add(self, test: TestResult) -> None:
        """One more test, under a name of its own. Raises RefusedError for more than anyone can have."""
        if len(self.tests) >= MOST_TESTS:
            raise RefusedError(f"more than {MOST_TESTS:,} tests")
        self.tests.append(replace(test, id=self._unique(test.id), message=test.message[:LONGEST_MESSAGE]))

    def finish(self) -> Report:
        if self._repeated:
            self.problem(f"tests that share their name with another and were numbered: {self._repeated}")
        more = (f"and {self._unnamed} more",) if self._unnamed else ()
        problems = (*self._problems, *more)
        return Report(self._format, self.producer, tuple(self.tests), self.whole, problems, self._contradictions)

    def _unique(self, name: str) -> str:
        name = name[:LONGEST_ID]
        unique = name
        while unique in self._numbers:
            self._numbers[name] += 1
            unique = f"{name}#{self._numbers[name]}"
        self._repeated += unique != name
        self._numbers[unique] = 1
        return unique


def identity(path: Iterable[str], name: str) -> str:
    """`suite/suite/class::name`, without empty parts and without a part that begins with the next.

    unittest-xml-reporting calls the suite of a class by its name and the time, which must not become a test's name.
    """
    parts: list[str] = []
    for part in filter(None, path):
        if parts and parts[-1].startswith(part):
            parts.pop()
        parts.append(part)
    return f"{'/'.join(parts)}::{name or '(unnamed)'}"


def seconds(value: object, unit: float = 1.0) -> float | None:
    """A duration, given in parts of a second of this size; None for all that is no plain number: nothing is guessed.

    `1,234` is a thousand and more for one producer, and one and a bit for another.
    """
    if isinstance(value, str):
        value = float(value) if _SECONDS.fullmatch(value.strip()) else None
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return round(value * unit, 6) if math.isfinite(value) and 0 <= value < 1e12 else None
