"""A traceback that came in lines is one entry; everything else stays what it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netra_loop.diagnosis.scene import LogEntry
from netra_loop.diagnosis.tracebacks import BEGINS, MOST_LINES, holds_one, whole

FRAMES = (BEGINS, '  File "app.py", line 3, in agents', "    1/0", "ZeroDivisionError: division by zero")


def lines(*messages: str, severity: str = "DEFAULT") -> list[LogEntry]:
    return [LogEntry(n, "backend", n / 10, severity, said, text=f"at {said}") for n, said in enumerate(messages, 1)]


def said(entries: list[LogEntry]) -> list[str]:
    return [entry.message for entry in whole(entries)]


def test_a_traceback_is_one_entry_at_the_place_and_time_of_its_first_line() -> None:
    before, found, after = whole(lines("begun", *FRAMES, "went on"))

    assert (before.message, after.message) == ("begun", "went on")
    assert found.message == "\n".join(FRAMES)
    assert (found.number, found.at) == (2, 0.2)
    assert found.text == f"at {BEGINS} ... ZeroDivisionError: division by zero"
    assert holds_one(found)


def test_two_that_follow_each_other_are_two() -> None:
    assert said(lines(*FRAMES, *FRAMES)) == ["\n".join(FRAMES)] * 2


def test_one_that_is_cut_short_ends_with_what_there_is() -> None:
    assert said(lines(*FRAMES[:2])) == ["\n".join(FRAMES[:2])]


def test_one_without_end_is_cut() -> None:
    endless = [BEGINS, *["  frame"] * 500]

    assert len(said(lines(*endless))[0].splitlines()) == MOST_LINES


@pytest.mark.parametrize(
    "other", [{"severity": "INFO"}, {"instance": "another"}, {"trace": "another"}], ids=lambda other: next(iter(other))
)
def test_what_another_stream_instance_or_request_writes_in_between_is_no_part_of_it(other: dict[str, str]) -> None:
    first, *rest = lines(*FRAMES)
    between = replace(lines("INFO GET /")[0], **other)  # type: ignore[arg-type]

    assert said([first, between, *rest]) == ["INFO GET /", "\n".join(FRAMES)]


def test_two_that_two_instances_write_at_once_are_two() -> None:
    one, other = lines(*FRAMES), [replace(line, instance="another") for line in lines(*FRAMES)]
    mixed = [line for pair in zip(one, other, strict=True) for line in pair]

    assert said(mixed) == ["\n".join(FRAMES)] * 2


def test_one_that_lacks_its_error_ends_where_the_next_begins() -> None:
    assert said(lines(*FRAMES[:2], *FRAMES)) == ["\n".join(FRAMES[:2]), "\n".join(FRAMES)]


def test_one_that_a_structured_entry_holds_whole_stays_as_it_is() -> None:
    entry = LogEntry(1, "backend", 0.1, "ERROR", "\n".join(FRAMES), {"message": "\n".join(FRAMES)}, "all of it")

    assert list(whole([entry, *lines("next")])) == [entry, *lines("next")]
