"""Reads what the plugin in a suite's process tells: an append-only file of JSON lines, followed while it grows."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netra_loop.core.events import TestResult
from netra_loop.core.outcome import Proof, TestOutcome
from netra_loop.core.proof import Facts, grade

READ_SIZE = 4 * 1024 * 1024  # bytes taken at once: a flood is worked off in pieces


@dataclass(slots=True)
class News:
    """What was new in one look at the file."""

    collected: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    results: list[TestResult] = field(default_factory=list)


class EvidenceStream:
    """The file of one attempt of one suite. Lines that are no records of ours are counted, not believed."""

    def __init__(self, path: Path, nonce: str) -> None:
        """nonce: what the plugin must repeat in its first line; the file of somebody else is not read."""
        self._path = path
        self._nonce = nonce
        self._pending = b""
        self.offset = 0
        self.greeted = False
        self.asserts_counted = False
        self.finished = False
        self.collection_errors: list[str] = []
        self.strange_lines = 0

    def look(self) -> News:
        """Everything that was written since the last look, whole lines only."""
        news = News()
        while chunk := self._read():
            *lines, self._pending = (self._pending + chunk).split(b"\n")
            for line in lines:
                self._take(line, news)
        return news

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                file.seek(self.offset)
                chunk = file.read(READ_SIZE)
        except FileNotFoundError:
            return b""
        self.offset += len(chunk)
        return chunk

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
                news.collected += [str(test) for test in record["ids"]]
            case "collection_ended":
                self.collection_errors += [f"{e['id']}: {e['message']}"[:500] for e in record["errors"]]
            case "started":
                news.started.append(str(record["id"]))
            case "result":
                news.results.append(self._result(record))
            case "ended":
                self.finished = True
            case other:
                raise ValueError(other)

    def _result(self, record: dict[str, Any]) -> TestResult:
        outcome = TestOutcome(record["outcome"])
        facts = _facts(record["facts"], counted=self.asserts_counted)
        proof: Proof | None = None
        reasons: tuple[str, ...] = ()
        if outcome is TestOutcome.PASSED:
            proof, reasons = grade(facts, passed_on_rerun=int(record["attempt"]) > 1)
        duration = record["duration_s"]
        return TestResult(
            id=str(record["id"]),
            outcome=outcome,
            duration_s=None if duration is None else _seconds(duration),
            message=str(record["message"] or ""),
            attempt=int(record["attempt"]),
            proof=proof,
            reasons=reasons,
            facts=facts,
            properties={str(key): str(value) for key, value in record["properties"].items()},
        )


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
    )
