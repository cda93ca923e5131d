"""Tracebacks made whole: a service writes one in many lines, and each line is an entry of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from netra_loop.diagnosis.scene import LogEntry

BEGINS = "Traceback (most recent call last):"  # as Python writes it
MOST_LINES = 200  # of one; the last line, which names the error, is never far from the first


def whole(entries: Iterable[LogEntry]) -> Iterator[LogEntry]:
    """The entries of one target in their order, each traceback as one: its first line's, with all lines as message.

    One that its own error follows, after a line without indent, ends there. What it quotes is the first and the last.
    """
    lines: list[LogEntry] = []
    for entry in entries:
        if lines and (entry.severity != lines[0].severity or len(lines) == MOST_LINES):
            yield _joined(lines)
            lines = []
        if not lines and (not holds_one(entry) or "\n" in entry.message):
            yield entry
            continue
        lines.append(entry)
        if len(lines) > 1 and _ends(entry):
            yield _joined(lines)
            lines = []
    if lines:
        yield _joined(lines)


def holds_one(entry: LogEntry) -> bool:
    """Whether an entry holds a traceback, or the begin of one."""
    return BEGINS in entry.message


def _ends(entry: LogEntry) -> bool:
    """Whether a line of a traceback is its last: the error, which is not indented as the frames are."""
    return bool(entry.message) and not entry.message[0].isspace()


def _joined(lines: list[LogEntry]) -> LogEntry:
    message = "\n".join(line.message for line in lines)
    return replace(lines[0], message=message, text=f"{lines[0].text} ... {lines[-1].message}")
