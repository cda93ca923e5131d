"""RESP, the protocol of Redis: every command gets an error."""

from __future__ import annotations

from netra_loop.adapters.falsetarget.wire import Wire

_ERROR = b"-ERR sabotaged\r\n"


async def answer_redis(wire: Wire) -> None:
    """Answer commands, arrays of bulk strings, until the client ends or sends anything else."""
    while (count := _number(await wire.line(), b"*")) is not None:
        for _ in range(count):
            length = _number(await wire.line(), b"$")
            if length is None or not await wire.drop(length + 2):
                return
        await wire.send(_ERROR)


def _number(line: bytes, mark: bytes) -> int | None:
    """The number behind the mark; None for any other line."""
    return int(line[1:]) if line[:1] == mark and line[1:].isdigit() else None
