"""What log messages say, without what changes from one to the next: patterns, counted in bounded memory."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from netra_loop.core.logs import SEVERE, Pattern
from netra_loop.diagnosis.signatures import LONGEST, masked
from netra_loop.diagnosis.tracebacks import BEGINS

UNREADABLE = "UNREADABLE"  # instead of a severity, for what is no log entry
MOST_PATTERNS = 5_000  # half of them for severe messages, so that noise cannot crowd them out
MOST_KEYS, LONGEST_KEY = 10_000, 2_000  # of a miner, in bytes each
LONGEST_TEXT = 300  # characters; fewer than are read, for the end of a message that is cut differs with its numbers
SAMPLE = 8  # lines of a new key that are read
CHECKED = 64  # one block of so many is checked against what its keys were taken for

_DELETED = b"0123456789abcdef" + b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_PARTED_ID = re.compile(r"#(?:\.?#)+|(?<![A-Za-z])[a-f#]*#[a-f#]*(?![A-Za-z])")  # what masks leave of `3fa9c1`


@dataclass(slots=True)
class Tally:
    """One pattern and how many messages it has so far."""

    severity: str
    text: str
    example: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class Mined:
    """The patterns of messages, severe ones first, the most frequent first; other: messages beyond the limit."""

    patterns: tuple[Pattern, ...]
    other: int

    @property
    def count(self) -> int:
        return self.other + sum(pattern.count for pattern in self.patterns)


class Patterns:
    """Counts messages by pattern: exact up to MOST_PATTERNS, and what is beyond is counted as other."""

    def __init__(self, most: int = MOST_PATTERNS) -> None:
        self._most = most // 2
        self._tallies: dict[bool, dict[tuple[str, str], Tally]] = {True: {}, False: {}}
        self._other = Tally("", "", "")

    def tally(self, severity: str, message: str) -> Tally:
        """Where a message is to be counted; the same object for every message of its pattern."""
        said = _telling_line(message)
        tallies = self._tallies[severity in SEVERE]
        name = (severity, _PARTED_ID.sub("#", masked(said))[:LONGEST_TEXT])
        if name not in tallies:
            if len(tallies) == self._most:
                return self._other
            tallies[name] = Tally(*name, said)
        return tallies[name]

    def add(self, severity: str, message: str) -> None:
        """Count one message."""
        self.tally(severity, message).count += 1

    def mined(self) -> Mined:
        """What was counted until now."""
        tallies = (each for of_class in self._tallies.values() for each in of_class.values() if each.count)
        found = (Pattern(each.severity, each.text, each.count, each.example) for each in tallies)
        return Mined(tuple(sorted(found, key=_rank)), self._other.count)


def mined(messages: Iterable[tuple[str, str]]) -> Mined:
    """The patterns of messages, each given with its severity."""
    patterns = Patterns()
    for severity, message in messages:
        patterns.add(severity, message)
    return patterns.mined()


class BlockMiner:
    """Counts the lines of large blocks by pattern without reading each of them.

    Lines that differ only in digits, punctuation and the letters a to f have one key and are taken for one pattern, as
    long as samples of them agree; once they do not, every line of that key is read.
    """

    def __init__(self, read: Callable[[bytes], tuple[str, str]]) -> None:
        """read: the severity and message of a line."""
        self._read = read
        self._patterns = Patterns()
        self._known: dict[bytes, Tally] = {}
        self._unsure: set[bytes] = set()
        self._blocks = 0

    def feed(self, block: bytes) -> None:
        """Count the lines of a block; the last one needs no line end, and blank ones are none."""
        self._blocks += 1
        keys = block.translate(None, _DELETED).split(b"\n")
        counts = Counter(keys)
        is_checked = self._blocks % CHECKED == 0
        if is_checked or not counts.keys() <= self._known.keys():
            self._feed_lines(keys, block.split(b"\n"), is_checked)
            return
        for key, count in counts.items():
            self._known[key].count += count

    def mined(self) -> Mined:
        """What was counted until now."""
        return self._patterns.mined()

    def _feed_lines(self, keys: Sequence[bytes], lines: Sequence[bytes], is_checked: bool) -> None:
        lines_of: dict[bytes, list[bytes]] = {}
        for key, line in zip(keys, lines, strict=True):
            if line.strip():
                lines_of.setdefault(key, []).append(line)
        for key, alike in lines_of.items():
            known = self._known.get(key)
            if known is not None and not is_checked:
                known.count += len(alike)
            else:
                self._feed_alike(key, alike, known)

    def _feed_alike(self, key: bytes, lines: Sequence[bytes], known: Tally | None) -> None:
        """Count lines of one key: all as what a sample of them is if that is one pattern, else each by itself."""
        is_unsure = key in self._unsure or not key.strip()
        sample = lines if is_unsure else lines[-1:] if known else lines[:: -(-len(lines) // SAMPLE)]
        tallies = [self._patterns.tally(*self._read(line)) for line in sample]
        if not is_unsure and all(each is (known or tallies[0]) for each in tallies):
            tallies[0].count += len(lines)
            self._remember(key, tallies[0])
            return
        if not is_unsure:
            self._doubt(key)
            tallies = [self._patterns.tally(*self._read(line)) for line in lines]
        for each in tallies:
            each.count += 1

    def _remember(self, key: bytes, tally: Tally) -> None:
        if len(self._known) == MOST_KEYS:
            self._known.clear()
        if len(key) <= LONGEST_KEY:
            self._known[key] = tally

    def _doubt(self, key: bytes) -> None:
        self._known.pop(key, None)
        if len(self._unsure) == MOST_KEYS:
            self._unsure.clear()
        self._unsure.add(key[:LONGEST_KEY])


def top(patterns: Sequence[Pattern], most: int) -> tuple[Pattern, ...]:
    """The most frequent ones, so many of the severe and so many of the others; patterns: in the order of `mined`."""
    return tuple(
        pattern
        for _, group in groupby(patterns, lambda each: each.severity in SEVERE)
        for pattern in list(group)[:most]
    )


def _rank(pattern: Pattern) -> tuple[bool, int, str, str]:
    return pattern.severity not in SEVERE, -pattern.count, pattern.severity, pattern.text


def _telling_line(message: str) -> str:
    """The begin of the line that says what happened: the last of a traceback, the first of anything else."""
    message = message.strip()
    if message.lstrip("+| ").startswith(BEGINS):
        return message.rpartition("\n")[2].strip()[:LONGEST]
    return message.partition("\n")[0][:LONGEST].rstrip()
