"""What a diff does that could turn tests green without a repair, found in its lines.

What cannot be found so: an answer that is made up for the inputs of a test, a stand-in by another name, a limit that is
computed. A diff in which nothing is found is not good; it may be tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from netra_loop.core.diff import FileChange, Hunk
from netra_loop.core.oracle import Rule, Violation

_ADDED = {  # what more of stands in a file afterwards
    Rule.SKIPPED: (
        r"\bpytest\.(?:skip|xfail|importorskip)",
        r"\bmark\.(?:skip|skipif|xfail)\b",
        r"\bunittest\.skip|\bskipTest\(",
        r"\b(?:it|test|describe)\.(?:skip|only|todo)\(|\bx(?:it|describe)\(|\bt\.Skip",
    ),
    Rule.STUBBED: (
        r"\bunittest\.mock|\b(?:Magic|Async)Mock|\bmonkeypatch\b|\bmock\.patch|@patch\(",
        r"\bimport (?:responses|respx|httpretty|vcr|freezegun)\b",
        r"\bjest\.mock|\bsinon\.|\bnock\(",
        r"\b(?:\w+_)?(?:mock|fake|dummy|stub)(?:ed|s|_\w+)?\s*(?:=[^=]|\()",
    ),
    Rule.SNIFFED: (
        r"PYTEST_CURRENT_TEST|NETRA_LOOP_|\bIS_TEST\b|\bTESTING\b",
        r"[\"']pytest[\"'] (?:not )?in sys\.modules",
        r"(?i:user.?agent).{0,60}(?i:pytest|httpx|netra)",
        r"(?i:traceparent).{0,40}(?:\bin\b|==)",
    ),
    Rule.SWALLOWED: (
        r"\bexcept\s*:|\bexcept\s*\(?\s*(?:\w+\s*,\s*)*(?:Base)?Exception\b",
        r"\bsuppress\(|\breturn_exceptions\s*=\s*True",
        r"\bcatch\s*(?:\([^)]*\))?\s*\{\s*\}|\.catch\(\s*\(?\w*\)?\s*=>\s*(?:\{\s*\}|null|undefined)",
        r"\bos\._exit\(0\)|\bsys\.exit\(0\)|\|\|\s*true\b",
    ),
    Rule.SHARED: (r"(?i:(?:user|session)\w*)\s*=(?=.*(?://|%|round\(|floor\())(?=.*(?i:time|now|minute|window))",),
    Rule.FEWER_ASSERTIONS: (r"\bverify\s*=\s*False|CERT_NONE|check_hostname\s*=\s*False|verify_\w+.{0,4}False",),
}
_ASSERTION = re.compile(
    r"\bassert\b|\bexpect\(|\bself\.assert|raise_for_status\(|\bt\.(?:Error|Fatal)|^\s*(?:raise|throw)\b"
)
_LIMIT = re.compile(
    r"(?i:time_?out|deadline|retr(?:y|ies)|attempts|interval|max_?wait|grace|ttl|lifetime|expir|tolerance|threshold|delay)"
)
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?|\bNone\b|\bnull\b|\binf\b")
_HEALTH = re.compile(
    r"(?i:\bhealth|\bready|readiness|liveness|readyz|livez)|"
    r"[\"'](?i:healthy|unhealthy|degraded|disabled|connected|not_configured)[\"']"
)
_HANDLER = re.compile(r"(?i)\b(?:def|function) \w*(?:health|ready|readiness|liveness)")
_BEGINS = re.compile(r"\s*(?:@|(?:async )?def |class |(?:export )?(?:async )?function )")


def weakened(changes: Sequence[FileChange], health_paths: Sequence[str]) -> tuple[Violation, ...]:
    """What in these changes needs a person. health_paths: where health is asked for."""
    return tuple(violation for change in changes for violation in _in_file(change, health_paths))


def _in_file(change: FileChange, health_paths: Sequence[str]) -> Iterator[Violation]:
    for rule, patterns in _ADDED.items():
        for pattern in map(re.compile, patterns):
            hits = [line for line in change.added if pattern.search(line)]
            if len(hits) > sum(1 for line in change.removed if pattern.search(line)):
                yield Violation(rule, change.path, hits[0])
    gone = [line for line in change.removed if _ASSERTION.search(line)]
    if len(gone) > sum(1 for line in change.added if _ASSERTION.search(line)):
        yield Violation(Rule.FEWER_ASSERTIONS, change.path, gone[0])
    for hunk in change.hunks:
        yield from _limits(change.path, hunk)
        yield from _health(change.path, hunk, health_paths)


def _limits(path: str, hunk: Hunk) -> Iterator[Violation]:
    """Lines that name a limit and whose numbers are not what they were, wherever in the hunk."""
    if sorted(_numbers(hunk.removed)) != sorted(_numbers(hunk.added)):
        lines = [line for line in (*hunk.added, *hunk.removed) if any(_numbers([line]))]
        yield Violation(Rule.LIMIT, path, lines[0])


def _numbers(lines: Sequence[str]) -> Iterator[str]:
    return (number for line in lines if _LIMIT.search(line) for number in _NUMBER.findall(line))


def _health(path: str, hunk: Hunk, health_paths: Sequence[str]) -> Iterator[Violation]:
    """A change of the words that health answers with, or anywhere within what answers."""
    quoted = [f"{mark}{each}{mark}" for each in health_paths for mark in "\"'"]
    within = hunk.within
    for line in hunk.lines:
        within = _scope(within, line[1:])
        is_changed = line[:1] in "+-"
        if is_changed and (_HEALTH.search(line) or _HANDLER.search(within) or any(each in within for each in quoted)):
            yield Violation(Rule.HEALTH, path, line[1:])
            return


def _scope(within: str, line: str) -> str:
    """What the lines up to this one are in: a function with its decorators, or a route that names its handler."""
    if not _BEGINS.match(line):
        return within
    return f"{within}\n{line}" if _BEGINS.match(within.rpartition("\n")[2]) else line
