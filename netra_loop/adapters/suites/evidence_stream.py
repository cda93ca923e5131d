"""Reads what the plugin in a suite's process tells: an append-only file of JSON lines, followed while it grows."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netra_loop.adapters.files import write_whole
from netra_loop.core.events import TestResult
from netra_loop.core.outcome import TestOutcome
from netra_loop.core.proof import Facts, Smell

READ_SIZE = 4 * 1024 * 1024  # bytes taken in one look: a flood is worked off in pieces
MOST = 256 * 1024 * 1024  # bytes of one stream; what lies behind is not read
LONGEST_LINE = 1024 * 1024  # bytes; the plugin writes far shorter ones


@dataclass(slots=True)
class News:
    """What was new in one look at the file."""

    collected: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    results: list[TestResult] = field(default_factory=list)


class Order:
    """In which order the plugin tells: what breaks it is somebody else's line. Every method raises ValueError then."""

    def __init__(self) -> None:
        self._collected: set[str] = set()
        self._started: set[str] = set()
        self._attempts: dict[str, int] = {}
        self._whole = False
        self.ended = False

    def collected(self, ids: list[str]) -> None:
        if self._whole or self.ended:
            raise ValueError("collected after the end of the collection")
        self._collected.update(ids)

    def collection_ended(self, count: int) -> None:
        if self._whole or count != len(self._collected):
            raise ValueError("another collection than was told")
        self._whole = True

    def started(self, test: str) -> None:
        if self.ended or test not in self._collected:
            raise ValueError("a test that was not collected")
        self._started.add(test)

    def result(self, test: str, attempt: int) -> None:
        if self.ended or test not in self._started or attempt <= self._attempts.get(test, 0):
            raise ValueError("a result of a test that was not running")
        self._attempts[test] = attempt

    def end(self) -> None:
        if self.ended or not self._whole:
            raise ValueError("an end without a collection")
        self.ended = True


class EvidenceStream:
    """The file of one attempt of one suite. Lines that are no records of ours are counted, not believed."""

    def __init__(self, path: Path, nonce: str) -> None:
        """Make the file and keep it open: whatever a test puts in its place is never read.

        nonce: what the plugin must repeat in its first line.
        """
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        self._nonce = nonce
        self._pending = b""
        self._offset = 0
        self._order = Order()
        self.greeted = False
        self.asserts_counted = False
        self.told_exit: int | None = None
        self.cut = ""
        self.deselected: int | None = None
        self.collection_errors: list[str] = []
        self.strange_lines = 0

    @property
    def finished(self) -> bool:
        """Whether the plugin told of the end of the test session."""
        return self._order.ended

    def close(self) -> None:
        os.close(self._descriptor)

    def look(self) -> News:
        """What was written since the last look, whole lines only; a bounded piece of it."""
        news = News()
        self._read(news)
        return news

    def look_at_all(self) -> News:
        """What was written since the last look, once nobody writes any more."""
        news = News()
        while self._read(news):
            continue
        return news

    def content(self) -> bytes:
        """Everything that was written, up to a bound."""
        return os.pread(self._descriptor, min(MOST, os.fstat(self._descriptor).st_size), 0)

    def _read(self, news: News) -> bool:
        """Take one piece; False when there was none."""
        chunk = os.pread(self._descriptor, READ_SIZE, self._offset) if self._offset < MOST else b""
        self._offset += len(chunk)
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        for line in lines:
            self._take(line, news)
        if len(self._pending) > LONGEST_LINE:
            self._pending = b""
            self.strange_lines += 1
        return bool(chunk)

    def _take(self, line: bytes, news: News) -> None:
        try:
            record: dict[str, Any] = json.loads(line)
            self._sort(record, news)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            self.strange_lines += 1

    def _sort(self, record: dict[str, Any], news: News) -> None:
        if record["kind"] == "hello":
            if record["nonce"] != self._nonce:
                raise ValueError("the greeting of somebody else")
            self.asserts_counted = record["asserts"] == "counted"
            self.greeted = True
            return
        if not self.greeted:
            raise ValueError("a record before the greeting")
        match record["kind"]:
            case "collected":
                ids = [str(test) for test in record["ids"]]
                self._order.collected(ids)
                news.collected += ids
            case "collection_ended":
                errors = [f"{e['id']}: {e['message']}"[:500] for e in record["errors"]]
                self._order.collection_ended(int(record["count"]))
                self.collection_errors += errors
                self.deselected = record["deselected"]
            case "started":
                self._order.started(str(record["id"]))
                news.started.append(str(record["id"]))
            case "result":
                result = self._result(record)
                self._order.result(result.id, result.attempt)
                news.results.append(result)
            case "ended":
                self._order.end()
                self.told_exit = int(record["exit"])
                self.cut = str(record.get("cut", ""))
            case other:
                raise ValueError(other)

    def _result(self, record: dict[str, Any]) -> TestResult:
        outcome = TestOutcome(record["outcome"])
        facts = _facts(record["facts"], counted=self.asserts_counted)
        duration = record["duration_s"]
        return TestResult(
            id=str(record["id"]),
            outcome=outcome,
            duration_s=None if duration is None else _seconds(duration),
            message=str(record["message"] or ""),
            attempt=int(record["attempt"]),
            facts=facts,
            properties={str(key): str(value) for key, value in record["properties"].items()},
            ended=_epoch(record["at"]) if "at" in record else None,
        )


def _epoch(at: float) -> float:
    if not 0 < at < 1e11:
        raise ValueError(f"not a time: {at}")
    return round(float(at), 3)


def _seconds(duration: float) -> float:
    if not 0 <= duration < float("inf"):
        raise ValueError(f"not a duration: {duration}")
    return round(float(duration), 4)


def _facts(plain: dict[str, Any] | None, *, counted: bool) -> Facts | None:
    """The counts of one test, None where its process could not tell; assertions are unknown where nobody counted."""
    if plain is None:
        return None
    return Facts(
        bytes_in=int(plain["bytes_in"]),
        bytes_out=int(plain["bytes_out"]),
        shared_bytes_in=int(plain["shared_bytes_in"]),
        others=tuple(map(str, plain["others"])),
        refused=tuple(map(str, plain["refused"])),
        asserts=int(plain["asserts"]) if counted else None,
        asserts_after=int(plain["asserts_after"]) if counted else None,
        replaced=tuple(map(str, plain["replaced"])),
        children=int(plain["children"]),
        blind=tuple(map(str, plain["blind"])),
        unattributed=int(plain.get("unattributed", 0)),
        visible=bool(plain.get("visible", False)),
        instruments=tuple(map(str, plain.get("instruments", ()))),
        unverified=tuple(map(str, plain.get("unverified", ()))),
        too_near=tuple(map(str, plain.get("too_near", ()))),
        smells=tuple(map(Smell, plain.get("smells", ()))),
    )


def mask_streams(artifacts: Path, mask: Callable[[str], str]) -> None:
    """Mask the streams that a session left when it died: nobody reads them any more. Raises StorageError."""
    for path in artifacts.glob("*/*/evidence.jsonl"):
        if path.is_file() and not path.is_symlink():
            text = path.read_bytes()[:MOST].decode("utf-8", "replace")
            write_whole(path, mask(text).encode("utf-8", "replace"), 0o600)
