"""What ends the program early, each with its exit code and the next step.

LoopError
├── UsageError            2   the command line asks for something that is not there
├── PlanError             2   the YAML is wrong; carries every mistake at once
├── NotRunningError       4   there is nothing to look at
├── PreflightError        8   the world is not ready; nothing was touched
├── InternalError        70   our own bug
├── StorageError         74   what happened cannot be recorded, so nothing more happens
└── LockedError          75   another session holds the environment, or this session
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class LoopError(Exception):
    """An end that a person can act on: what happened, and what next."""

    exit_code = 70

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(LoopError):
    exit_code = 2


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in one file; line and column count from 1, 0 where the file as a whole is meant.

    level: `error`, or `warning` for what keeps nothing from being done.
    """

    file: str
    line: int
    column: int
    message: str
    hint: str = ""
    source: str = ""
    level: str = "error"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        text = f"{place}: {self.level}: {self.message}"
        if self.hint:
            text += f"; {self.hint}"
        if self.source:
            text += f"\n    {self.source}\n    {' ' * (self.column - 1)}^"
        return text


class PlanError(LoopError):
    """Every mistake of a plan and its configuration, in the order of file, line and column."""

    exit_code = 2

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda m: (m.file, m.line, m.column, m.message)))
        count = len(self.mistakes)
        super().__init__(
            "\n".join(str(mistake) for mistake in self.mistakes),
            f"{count} mistake{'s' if count != 1 else ''}; nothing was touched",
        )


class NotRunningError(LoopError):
    exit_code = 4


class PreflightError(LoopError):
    exit_code = 8


class InternalError(LoopError):
    exit_code = 70


class StorageError(LoopError):
    exit_code = 74


class LockedError(LoopError):
    exit_code = 75
