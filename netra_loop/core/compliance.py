"""What a checker of rules found in a set of files: counts that are believed only where everything it said agrees."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from netra_loop.core.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Checker:
    """A program that holds files against rules; any will do that says how many it checked and how many broke a rule.

    files, violations: regular expressions with one group, the number, searched in each line of its output; the last
    match counts. They fit the closing line that linters print anyway, where pointers into a JSON report would ask most
    checkers for a wrapper. listed: one that takes the name of each checked file; empty for a checker that prints none.
    timeout in seconds.
    """

    argv: tuple[str, ...]
    mode: str
    files: str
    violations: str
    listed: str = ""
    timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class Checked:
    """What one check said; None for a count that was not found.

    listed: how many files it named, and file_set: the sha256 of their names, whatever their order; None and empty for
    a checker that is not asked for names.
    """

    mode: str
    files: int | None
    violations: int | None
    exit_code: int | None
    listed: int | None = None
    file_set: str = ""


def checked(checker: Checker, output: str, exit_code: int | None) -> Checked:
    """What a checker's output says, read by its expressions."""
    lines = output.splitlines()
    files, violations = _count(checker.files, lines), _count(checker.violations, lines)
    if not checker.listed:
        return Checked(checker.mode, files, violations, exit_code)
    names = sorted(set(_found(checker.listed, lines)))
    digest = hashlib.sha256("\n".join(names).encode("utf-8", "replace")).hexdigest()
    return Checked(checker.mode, files, violations, exit_code, len(names), digest)


def _found(pattern: str, lines: list[str]) -> Iterator[str]:
    return (match[1] or "" for line in lines for match in re.finditer(pattern, line))


def _count(pattern: str, lines: list[str]) -> int | None:
    """The number in the last match; None where nothing matches, or what does is no number."""
    last = next(reversed(list(_found(pattern, lines))), "")
    return int(last) if re.fullmatch("[0-9]{1,9}", last) else None


def judged(found: Checked) -> tuple[Outcome, tuple[str, ...]]:
    """FAILED for violations; ERRORED where no file was checked, a count is missing, or what was said disagrees."""
    if found.files == 0:
        return Outcome.ERRORED, ("checked no file",)
    if found.files is None or found.violations is None:
        missing = [name for name in ("files", "violations") if getattr(found, name) is None]
        return Outcome.ERRORED, (f"counts not found: {', '.join(missing)}",)
    if found.listed not in (None, found.files):
        return Outcome.ERRORED, (f"disagreement: {found.listed} files named, {found.files} counted",)
    if (found.exit_code == 0) is not (found.violations == 0):
        return Outcome.ERRORED, (f"disagreement: exit {found.exit_code}, violations {found.violations}",)
    return (Outcome.FAILED, (f"violations {found.violations}",)) if found.violations else (Outcome.PASSED, ())


def not_comparable(now: Checked | None, before: Checked | None) -> str:
    """Why the counts of two checks say nothing about each other; empty where they do."""
    if not _is_sound(now):
        return "this session has no counts to compare"
    if not _is_sound(before):
        return "the session before has no counts of this environment"
    assert now is not None and before is not None
    if now.mode != before.mode:
        return "the session before was checked in another mode"
    if bool(now.file_set) is not bool(before.file_set):
        return "only one of the two checks named its files"
    if now.file_set != before.file_set or now.files != before.files:
        return "the session before was checked on other files"
    return ""


def _is_sound(found: Checked | None) -> bool:
    return found is not None and judged(found)[0] in (Outcome.PASSED, Outcome.FAILED)
