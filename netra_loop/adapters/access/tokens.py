"""The tokens for the targets of one environment: each is asked for once, and again before it expires."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import anyio
from anyio import to_thread

from netra_loop.adapters.access.mint import NoToken, mint
from netra_loop.core.target import Access, AccessKind, Target

AHEAD = 300.0  # seconds before its end at which a token is no longer used
UNTOLD = 300.0  # seconds for which a token is used that does not say when it ends


class NoAccess(Exception):
    """We cannot come in; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class _Kept:
    token: str
    until: float


class Tokens:
    """learn: told every token as soon as it is known, so that it is masked wherever it turns up."""

    def __init__(self, learn: Callable[[str], object] = lambda token: None) -> None:
        self._learn = learn
        self._kept: dict[Access, _Kept] = {}
        self._turns: dict[Access, anyio.Lock] = {}

    async def headers(self, target: Target, base_url: str) -> Mapping[str, str]:
        """What a request to a target must carry; base_url is the service's own, also for a request to a tag's URL.

        Raises NoAccess.
        """
        if target.access.kind is AccessKind.NONE:
            return {}
        access = replace(target.access, audience=target.access.audience or base_url)
        try:
            return {"Authorization": f"Bearer {await self._token(access)}"}
        except NoToken as error:
            raise NoAccess(f"{target.name}: {error}") from error

    async def _token(self, access: Access) -> str:
        async with self._turns.setdefault(access, anyio.Lock()):
            kept = self._kept.get(access)
            if kept is None or time.time() >= kept.until:
                token = await to_thread.run_sync(mint, access)
                self._learn(token)
                kept = self._kept[access] = _Kept(token, _end(token) - AHEAD)
                if time.time() >= kept.until and _end(token) <= time.time():
                    raise NoToken("the token that was given has expired already")
            return kept.token


def _end(token: str) -> float:
    """When a token ends, in seconds since the epoch, as its own payload says; its signature is no concern of ours."""
    try:
        payload = token.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
    except (IndexError, ValueError, KeyError, TypeError):
        return time.time() + UNTOLD + AHEAD
