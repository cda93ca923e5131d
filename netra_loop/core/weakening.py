"""What a diff does that could turn tests green without a repair, found in its lines.

What cannot be found so: an answer that is made up for the inputs of a test, a stand-in by another name, a limit that is
computed, a function that the handler of health only calls. A diff in which nothing is found is not good; it may be
tried.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from posixpath import basename

from netra_loop.core.diff import FileChange, Hunk
from netra_loop.core.oracle import LONGEST_LINE, Rule, Violation

_MORE = {  # what stands in a file more often afterwards
    Rule.SKIPPED: (
        r"\bpytest\.(?:skip|xfail|importorskip)",
        r"\bmark\.(?:skip|skipif|xfail)\b",
        r"\bunittest\.skip|\bskipTest\(",
        r"\b(?:it|test|describe)\.(?:skip|only|todo)\(|\bx(?:it|describe)\(|\bt\.Skip",
    ),
    Rule.STUBBED: (
        r"\bunittest\.mock|\bfrom unittest import mock|\bmock\.\w|\b\w*Mock\w*\(|\bmonkeypatch\b|@patch\(",
        r"\b(?:import|from) (?:fake\w+|\w*mock\w*|moto|responses|respx|httpretty|vcr|freezegun)\b",
        r"\bjest\.mock|\bvi\.mock|\bsinon\.|\bnock\(",
        r"\bclass _?(?:Fake|Mock|Stub|Dummy)\w*|\b(?:Fake|Mock|Stub|Dummy)[A-Z]\w*\(",
        r"\b(?:\w+_)?(?:mock|fake|dummy|stub)(?:ed|s|_\w+)?\s*(?:=[^=]|\()",
    ),
    Rule.SNIFFED: (
        r"PYTEST_CURRENT_TEST|NETRA_LOOP_|\bIS_TEST\b|\bTESTING\b",
        r"\bsys\.modules\b",
        r"(?i:user.?agent)",
        r"(?i:traceparent)",
    ),
    Rule.SWALLOWED: (
        r"\bsuppress\(|\breturn_exceptions\s*=\s*True",
        r"\bcatch\s*(?:\([^)]*\))?\s*\{\s*\}|\.catch\(\s*\(?\w*\)?\s*=>\s*(?:\{\s*\}|null|undefined)",
        r"\bos\._exit\(0\)|\bsys\.exit\(0\)|\|\|\s*true\b",
    ),
    Rule.SHARED: (r"(?i:(?:user|session)\w*)\s*=(?=.*(?://|%|round\(|floor\())(?=.*(?i:time|now|minute|window))",),
    Rule.FEWER_ASSERTIONS: (r"\bverify\s*=\s*False|CERT_NONE|check_hostname\s*=\s*False|verify_\w+.{0,4}False",),
}
_ASSERTIONS = (  # each is missed where one of its kind is gone
    r"\bassert\b(?! *\(?(?:True|1)\)? *(?:$|[#,]))",
    r"\bexpect\((?!true\))",
    r"\bself\.assert",
    r"raise_for_status\(",
    r"\bt\.(?:Error|Fatal)",
    r"^\s*(?:raise\b(?! NotImplementedError)|throw\b)",
)
_BROAD = re.compile(r"\bexcept\s*:|\bexcept\s*\(?\s*(?:[\w.]+\s*,\s*)*(?:[\w.]+\.)?(?:Base)?Exception\b")
_RAISES = re.compile(r"^\s*raise\b")
_LIMIT = re.compile(
    r"\w*(?:(?i:time_?out|deadline|retr(?:y|ies)|attempts|interval|max_?wait|grace|lifetime|expir|tolerance|threshold|"
    r"delay)|(?<![a-z])ttl(?![a-z])|TTL|Ttl)\w*"
)
_AMOUNT = re.compile(
    r"(?<!\w\[)(?<![\])]\[)(?<![\w.])(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?[a-z]{0,3}\b|"
    r"\b(?:None|null|inf|Infinity)\b|\b(?:micro|milli)?(?:second|minute|hour|day|week)s?\b"
)
_OPENS = re.compile(r"[(\[{]\s*(?:#.*|//.*)?$")
_HEALTH = re.compile(
    r"(?i:\bhealth|\bready|readiness|liveness|readyz|livez)|"
    r"[\"'](?i:healthy|unhealthy|degraded|disabled|connected|not_configured)[\"']"
)
_HANDLER = re.compile(
    r"\b(?:def|function|func|const|let)\s+\w*(?:[hH]ealth|HEALTH|(?<![a-z])ready|Ready|[rR]eadiness|[lL]iveness|livez)"
)
_DEFINED = re.compile(r"\b(?:def|function|func|const|let)\s+(\w+)")

_TABLE = re.compile(r"\s*\[+\s*([^\]]*?)\s*\]")
_NO_TOOLS = ("", "project", "dependency-groups")  # the first where no table is in sight


@dataclass(frozen=True, slots=True)
class _Line:
    """within: the lines that it stands in, by their indentation, the outermost first; a decorator is with its own."""

    text: str
    is_changed: bool
    within: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Limit:
    names: tuple[str, ...]
    amounts: tuple[str, ...]
    line: str


def weakened(changes: Sequence[FileChange], health_paths: Sequence[str]) -> tuple[Violation, ...]:
    """What in these changes needs a person. health_paths: where health is asked for.

    The more of a file stands around its changes, the more is found.
    """
    return tuple(violation for change in changes for violation in _in_file(change, health_paths))


def _in_file(change: FileChange, health_paths: Sequence[str]) -> Iterator[Violation]:
    old, new = ([line for hunk in change.hunks for line in _lines(hunk, mark)] for mark in "-+")
    for rule, patterns in _MORE.items():
        for pattern in map(re.compile, patterns):
            if hit := _more(_matches(pattern, old), _matches(pattern, new), new):
                yield Violation(rule, change.path, hit)
    if hit := _more(_swallowing(old), _swallowing(new), new):
        yield Violation(Rule.SWALLOWED, change.path, hit)
    for pattern in (re.compile(each, re.MULTILINE) for each in _ASSERTIONS):
        if hit := _more(_matches(pattern, new), _matches(pattern, old), old):
            yield Violation(Rule.FEWER_ASSERTIONS, change.path, hit)
    yield from _limits(change.path, old, new)
    yield from _health(change.path, old, new, health_paths)
    if (runs_tests := _RUNS_TESTS.get(basename(change.path))) is not None:
        told = [text for side in (new, old) for text in runs_tests(side)]
        yield from (Violation(Rule.PROTECTED, change.path, text) for text in told[:1])


def _scripts(lines: Sequence[_Line]) -> Iterator[str]:
    """The changed lines of a package.json that are commands: the tests' among them."""
    return (each.text for each in lines if each.is_changed and '"scripts"' in f"{each.within}{each.text}")


def _tools(lines: Sequence[_Line]) -> Iterator[str]:
    """The changed lines of a pyproject.toml that tell tools, pytest among them, what to do; dependencies do not."""
    table = ""
    for line in lines:
        if (header := _TABLE.match(line.text)) is not None:
            table = header[1]
        if line.is_changed and table not in _NO_TOOLS and not table.endswith("dependencies"):
            yield line.text


_RUNS_TESTS = {"package.json": _scripts, "pyproject.toml": _tools}


def _lines(hunk: Hunk, mark: str) -> Iterator[_Line]:
    """The lines of one side of a hunk, `-` before and `+` after, each with what it stands in."""
    around = [(_indent(hunk.within), hunk.within)] if hunk.within else []
    decorators: list[str] = []
    for text in (line for line in hunk.lines if line[0] in f" {mark}"):
        line = text[1 : LONGEST_LINE + 1]
        begin = line.lstrip()[:1]
        while begin and begin not in ")]}" and around and around[-1][0] >= _indent(line):
            around.pop()
        yield _Line(line, text[0] == mark, (*(each for _, each in around), *decorators))
        if begin == "@" or (decorators and (begin in (")", "]", "}") or _indent(line) > _indent(decorators[0]))):
            decorators.append(line)
        elif begin and begin not in ")]}":
            around.append((_indent(line), "\n".join((*decorators, line))))
            decorators.clear()


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _matches(pattern: re.Pattern[str], lines: Sequence[_Line]) -> list[int]:
    """In which lines what matches begins."""
    text = "\n".join(line.text for line in lines)
    return [text.count("\n", 0, match.start()) for match in pattern.finditer(text)]


def _more(before: Sequence[int], after: Sequence[int], lines: Sequence[_Line]) -> str:
    """A line of those after, if there are more of them than before: one that has changed, if there is one."""
    if len(after) <= len(before):
        return ""
    return next((lines[each].text for each in after if lines[each].is_changed), lines[after[0]].text) or " "


def _swallowing(lines: Sequence[_Line]) -> list[int]:
    """Which lines catch everything and do not raise it again."""
    return [n for n, line in enumerate(lines) if _BROAD.search(line.text) and not _raises_again(line, lines[n + 1 :])]


def _raises_again(caught: _Line, following: Sequence[_Line]) -> bool:
    for line in following:
        if line.text.strip() and _indent(line.text) <= _indent(caught.text):
            return False
        if _RAISES.match(line.text):
            return True
    return False


def _limits(path: str, old: Sequence[_Line], new: Sequence[_Line]) -> Iterator[Violation]:
    """Limits whose amounts are not what they were; one that stands elsewhere, by another name, may be the same."""
    before, after = list(_told_limits(path, old)), list(_told_limits(path, new))
    kept = {each.names for each in before} & {each.names for each in after}
    sides = [Counter((each.names if each.names in kept else (), each.amounts) for each in s) for s in (before, after)]
    if sides[0] != sides[1]:
        yield Violation(Rule.LIMIT, path, (after or before)[0].line)


def _told_limits(path: str, lines: Sequence[_Line]) -> Iterator[_Limit]:
    """What every changed line that tells an amount says of limits, named in it or in what it is an argument of."""
    for line in lines:
        opening = line.within[-1].rpartition("\n")[2] if line.within else ""
        is_inner = _OPENS.search(opening) or (opening.rstrip().endswith(":") and path.endswith((".yaml", ".yml")))
        names = tuple(_LIMIT.findall(line.text)) or (tuple(_LIMIT.findall(opening)) if is_inner else ())
        amounts = tuple(_AMOUNT.findall(line.text))
        if line.is_changed and names and amounts:
            yield _Limit(names, amounts, line.text.strip())


def _health(path: str, old: Sequence[_Line], new: Sequence[_Line], paths: Sequence[str]) -> Iterator[Violation]:
    """A change of the words that health answers with, or anywhere within what answers."""
    quoted = [f"{mark}{each}{mark}" for each in paths for mark in "\"'"]
    routes = " ".join(line.text for line in (*old, *new) if any(each in line.text for each in quoted))
    handlers = frozenset(re.findall(r"\w+", routes))

    def answers(within: str) -> bool:
        is_route = any(each in within for each in quoted)
        return is_route or bool(_HANDLER.search(within)) or not handlers.isdisjoint(_DEFINED.findall(within))

    for line in (*new, *old):
        if line.is_changed and (_HEALTH.search(line.text) or any(map(answers, (*line.within, line.text)))):
            yield Violation(Rule.HEALTH, path, line.text)
            return
