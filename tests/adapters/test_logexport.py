"""Exported entries: read in blocks, whatever the file holds."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest

from netra_loop.adapters import logexport
from netra_loop.adapters.logexport import LONGEST_LINE, NO_ENTRY, blocks, mined_export, said


def exported(folder: Path, lines: Iterable[bytes]) -> Path:
    path = folder / "entries.jsonl"
    with path.open("wb") as file:
        file.writelines(line + b"\n" for line in lines)
    return path


def entry(message: str, severity: str = "INFO", number: int = 0) -> bytes:
    return json.dumps({"insertId": f"{number:024x}", "severity": severity, "textPayload": message}).encode()


ENTRIES = {
    "text": ({"severity": "ERROR", "textPayload": "gone"}, ("ERROR", "gone")),
    "structured": ({"severity": "INFO", "jsonPayload": {"message": "hello", "n": 1}}, ("INFO", "hello")),
    "structured without a message": ({"jsonPayload": {"b": 2, "a": 1}}, ("DEFAULT", '{"a": 1, "b": 2}')),
    "of an audit log": ({"protoPayload": {"methodName": "m"}}, ("DEFAULT", '{"methodName": "m"}')),
    "a request": (
        {"severity": "ERROR", "httpRequest": {"requestMethod": "GET", "requestUrl": "/a", "status": 500}},
        ("ERROR", "GET /a 500"),
    ),
    "a message that is no text": ({"jsonPayload": {"message": {"a": 1}}}, ("DEFAULT", '{"message": {"a": 1}}')),
    "no object": ([1, 2], NO_ENTRY),
}


@pytest.mark.parametrize(("written", "expected"), ENTRIES.values(), ids=ENTRIES)
def test_an_entry_says(written: object, expected: tuple[str, str]) -> None:
    assert said(json.dumps(written).encode()) == expected


@pytest.mark.parametrize("line", [b"", b"\xff\xfe\x00", b"{", b'{"a":' * 100_000, b"9" * 5000])
def test_what_is_no_entry_is_told_as_such(line: bytes) -> None:
    assert said(line) == NO_ENTRY


def test_the_entries_of_a_file_are_mined_and_unreadable_lines_counted_beside_them(tmp_path: Path) -> None:
    lines = [entry(f"order {n} taken", number=n) for n in range(300)]
    lines += [entry(f"order {n} refused", "ERROR", n) for n in range(40)]
    found = mined_export(exported(tmp_path, [*lines, b"\x00\xff", b"not JSON 5", b"not JSON either"]))

    assert [(each.severity, each.text, each.count) for each in found.patterns] == [
        ("ERROR", "order # refused", 40),
        ("INFO", "order # taken", 300),
        (*NO_ENTRY, 3),
    ]


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
def test_blocks_hold_every_line_whole_wherever_the_reading_stops(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logexport, "BLOCK", size)
    text = b"one\n\ntwo and more\n" + b"x" * 100 + b"\nthe last has no end"

    assert [line for block in blocks(io.BytesIO(text)) for line in block.split(b"\n")] == text.split(b"\n")


def test_a_line_without_end_is_cut_and_what_follows_is_read(tmp_path: Path) -> None:
    endless = b'{"textPayload":"' + b"x" * (10 * LONGEST_LINE) + b'"}'
    path = exported(tmp_path, [entry("before"), endless, entry("after")])
    tracemalloc.start()
    try:
        found = mined_export(path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert sorted(each.text[:6] for each in found.patterns) == ["after", "before", "xxxxxx"]
    assert most < 8 * LONGEST_LINE


def test_an_empty_file_has_no_patterns(tmp_path: Path) -> None:
    found = mined_export(exported(tmp_path, []))

    assert (found.patterns, found.count) == ((), 0)
