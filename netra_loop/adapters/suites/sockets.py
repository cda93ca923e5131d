"""What the kernel tells of the whole network while a suite runs: our program for it, beside the suite."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from netra_loop.adapters.suites.pytest_suite import PLUGIN_FOLDER

_PATIENCE = 10.0  # seconds for a line
_LONGEST = 64 * 1024  # bytes of one


@dataclass
class Totals:
    """Bytes from targets, and who else answered, once the watch is over; nothing where the kernel does not tell."""

    bytes_in: int = 0
    others: tuple[str, ...] = ()


@asynccontextmanager
async def watched(targets: Iterable[str]) -> AsyncIterator[Totals]:
    """Watch until the block ends; the totals are filled then. targets: each `host:port`."""
    totals = Totals()
    env = {**os.environ, "PYTHONPATH": str(PLUGIN_FOLDER), "NETRA_LOOP_SOCKETS_TARGETS": json.dumps(list(targets))}
    command = [sys.executable, "-m", "netra_loop_sockets"]
    async with await anyio.open_process(command, env=env, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        lines = BufferedByteReceiveStream(process.stdout)
        try:
            await _line(lines)
            yield totals
        finally:
            with anyio.CancelScope(shield=True):
                await process.stdin.aclose()
                told = await _line(lines)
                await _end(process)
            totals.bytes_in, totals.others = int(told.get("bytes_in", 0)), tuple(map(str, told.get("others", ())))


async def _line(lines: BufferedByteReceiveStream) -> dict[str, Any]:
    """The next line; empty where none comes, for what is not told is not known."""
    try:
        with anyio.fail_after(_PATIENCE):
            return dict(json.loads(await lines.receive_until(b"\n", _LONGEST)))
    except (TimeoutError, ValueError, anyio.IncompleteRead, anyio.DelimiterNotFound, anyio.ClosedResourceError):
        return {}


async def _end(process: Process) -> None:
    with anyio.move_on_after(_PATIENCE):
        await process.wait()
    if process.returncode is None:
        process.kill()
