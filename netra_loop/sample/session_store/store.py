"""The sample session store: keys and values in memory, asked over TCP in lines of JSON.

{"op": "ping"}                               {"ok": true}
{"op": "get", "key": "a"}                    {"ok": true, "value": ...}   null when nothing is kept
{"op": "set", "key": "a", "value": ...}      {"ok": true}
anything else                                {"ok": false, "error": ...}
"""

import asyncio
import json
import os
import signal
from contextlib import suppress

LONGEST_LINE = 64 * 1024
MOST_KEYS = 10_000

Answer = dict[str, object]


class Keys:
    """What is kept: at most MOST_KEYS, and then the one written longest ago makes room."""

    def __init__(self, most: int = MOST_KEYS) -> None:
        self._most = most
        self._values: dict[str, object] = {}

    def get(self, key: str) -> object:
        """The value, or None when there is none."""
        return self._values.get(key)

    def set(self, key: str, value: object) -> None:
        self._values.pop(key, None)
        self._values[key] = value
        if len(self._values) > self._most:
            del self._values[next(iter(self._values))]


def answer(keys: Keys, line: bytes) -> Answer:
    """The answer to one line; nonsense is answered too."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        return refusal("invalid_json")
    match request:
        case {"op": "ping"}:
            return {"ok": True}
        case {"op": "get", "key": str(key)}:
            return {"ok": True, "value": keys.get(key)}
        case {"op": "set", "key": str(key), "value": value}:
            keys.set(key, value)
            return {"ok": True}
    return refusal("unknown_request")


def refusal(error: str) -> Answer:
    return {"ok": False, "error": error}


async def converse(keys: Keys, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer line by line until the caller leaves; a line that is too long ends the conversation."""
    with suppress(OSError):
        try:
            while line := await reader.readline():
                await send(writer, answer(keys, line))
        except ValueError:  # what readline raises for a line above the limit
            await send(writer, refusal("line_too_long"))
    writer.close()


async def send(writer: asyncio.StreamWriter, document: Answer) -> None:
    writer.write(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    await writer.drain()


async def serve(port: int) -> None:
    """Serve on loopback until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    keys = Keys()

    async def on_connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):  # the process ends; asyncio of 3.11 would print that as an error
            await converse(keys, reader, writer)

    server = await asyncio.start_server(on_connect, "127.0.0.1", port, limit=LONGEST_LINE)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(int(os.environ["PORT"])))
