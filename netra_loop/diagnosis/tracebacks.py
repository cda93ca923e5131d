"""Tracebacks made whole: a service writes one in many lines, and each line is an entry of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from netra_loop.diagnosis.scene import LogEntry

BEGINS = "Traceback (most recent call last):"  # as Python writes it
MOST_LINES = 200  # of one; the last line, which names the error, is never far from the first
_Stream = tuple[str, str, str]


def whole(entries: Iterable[LogEntry]) -> Iterator[LogEntry]:
    """The entries of one target in their order, each traceback as one: its first line's, with all lines as message.

    Each stream of an instance, and each request's entries, have their own: what others write meanwhile is no part of
    it. One ends at its own error, the first line without indent. What it quotes is the first and the last.
    """
    begun: dict[_Stream, list[LogEntry]] = {}
    for entry in entries:
        stream = (entry.instance, entry.severity, entry.trace)
        if holds_one(entry) and "\n" not in entry.message:
            yield from map(_joined, filter(None, (begun.pop(stream, None),)))
            begun[stream] = [entry]
            continue
        if stream not in begun:
            yield entry
            continue
        begun[stream].append(entry)
        if _ends(entry) or len(begun[stream]) == MOST_LINES:
            yield _joined(begun.pop(stream))
    yield from map(_joined, begun.values())


def holds_one(entry: LogEntry) -> bool:
    """Whether an entry holds a traceback, or the begin of one."""
    return BEGINS in entry.message


def last_before(end: LogEntry, entries: Iterable[LogEntry]) -> LogEntry | None:
    """The newest traceback that an instance wrote until an entry on its end."""
    same = (each for each in entries if (each.target, each.instance) == (end.target, end.instance))
    return max((each for each in same if holds_one(each) and each.at <= end.at), key=lambda each: each.at, default=None)


def _ends(entry: LogEntry) -> bool:
    """Whether a line of a traceback is its last: the error, which is not indented as the frames are."""
    return bool(entry.message) and not entry.message[0].isspace()


def _joined(lines: list[LogEntry]) -> LogEntry:
    message = "\n".join(line.message for line in lines)
    return replace(lines[0], message=message, text=f"{lines[0].text} ... {lines[-1].message}")
