"""The way to the session store: a small server elsewhere, spoken to in lines of JSON, that may be away."""

import asyncio
import json
from typing import Any

import anyio

from .errors import ApiError
from .logs import Log

TIMEOUT_S = 1.0
LONGEST_LINE = 64 * 1024  # what the store accepts, the end of the line included


class SessionStore:
    """Every call opens a connection of its own, so that a store that comes back is found at once.

    When the store cannot be reached, that is logged, and the caller's answer is a 503.
    """

    def __init__(self, address: str, log: Log) -> None:
        """address: host:port, looked at only when the store is needed."""
        self._address = address
        self._log = log

    async def ping(self) -> None:
        await self._ask({"op": "ping"})

    async def get(self, key: str) -> Any:
        """What was last kept under the key; None when nothing was."""
        return (await self._ask({"op": "get", "key": key})).get("value")

    async def set(self, key: str, value: object) -> None:
        await self._ask({"op": "set", "key": key, "value": value})

    async def _ask(self, request: dict[str, object]) -> dict[str, Any]:
        line = json.dumps(request, ensure_ascii=False).encode() + b"\n"
        if len(line) > LONGEST_LINE:
            raise ApiError(413, "state_too_large", f"at most {LONGEST_LINE} bytes are kept")
        try:
            with anyio.fail_after(TIMEOUT_S):
                return read_answer(await self._exchange(line))
        except (OSError, ValueError) as error:  # a timeout is an OSError, and nonsense for an answer a ValueError
            raise self._unavailable(error) from error

    async def _exchange(self, line: bytes) -> bytes:
        host, _, port = self._address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=2 * LONGEST_LINE)
        try:
            writer.write(line)
            return await reader.readline()
        finally:
            writer.close()

    def _unavailable(self, error: Exception) -> ApiError:
        why = str(error) or f"no answer within {TIMEOUT_S} s"
        self._log.write("ERROR", "session store unreachable", address=self._address, error=why)
        return ApiError(503, "session_store_unavailable", "the session store cannot be reached; try again later")


def read_answer(line: bytes) -> dict[str, Any]:
    """The store's answer; a ValueError when it is a refusal or none of ours."""
    answer = json.loads(line)
    if not isinstance(answer, dict) or answer.get("ok") is not True:
        raise ValueError(f"the store answered {line[:80]!r}")
    return answer
