"""Exported log entries, one as JSON a line, mined in memory that does not grow with the file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from netra_loop.diagnosis.patterns import UNREADABLE, BlockMiner, Mined

BLOCK = 1 << 18  # bytes; small enough for the processor's cache
LONGEST_LINE = 1 << 20  # bytes; Cloud Logging takes no entry beyond 256 KiB
NO_ENTRY = (UNREADABLE, "a line that is no log entry")


def mined_export(path: Path) -> Mined:
    """The patterns of a file of log entries, as Cloud Logging exports them. Raises OSError.

    Lines that are no entries are counted as UNREADABLE.
    """
    miner = BlockMiner(said)
    with path.open("rb", buffering=0) as file:
        for block in blocks(file):
            miner.feed(block)
    return miner.mined()


def blocks(file: BinaryIO) -> Iterator[bytes]:
    """A file in blocks of whole lines, without the last line end; a line beyond LONGEST_LINE lacks its middle."""
    begun = b""
    while chunk := file.read(BLOCK):
        lines, line_end, rest = chunk.rpartition(b"\n")
        if line_end:
            yield begun + lines
            begun = rest
        else:
            begun = (begun + chunk)[:LONGEST_LINE]
    if begun:
        yield begun


def said(line: bytes) -> tuple[str, str]:
    """The severity and message of an entry: its text, its `message`, what was requested, else its whole payload."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return NO_ENTRY
    if not isinstance(entry, dict):
        return NO_ENTRY
    return str(entry.get("severity") or "DEFAULT"), _message(entry)


def _message(entry: dict[str, Any]) -> str:
    payload = entry.get("jsonPayload") or entry.get("protoPayload") or {}
    request = entry.get("httpRequest")
    if isinstance(request, dict):
        return f"{request.get('requestMethod')} {request.get('requestUrl')} {request.get('status')}"
    if isinstance(payload, dict) and isinstance(payload.get("message"), str):
        return str(payload["message"])
    return str(entry.get("textPayload") or json.dumps(payload, ensure_ascii=False, sort_keys=True))
