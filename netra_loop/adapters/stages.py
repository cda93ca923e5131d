"""One stage of a gradual shift: what users get from the new revision while it has a part of the traffic."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio

from netra_loop.adapters.address import Address
from netra_loop.adapters.http import PROBE_TIMEOUT, Unanswered, client, fetch
from netra_loop.core.health import Answer, dependency_states, named_revision, parsed, problems
from netra_loop.core.promotion import Promotion
from netra_loop.core.rollout import Going, Watched, going
from netra_loop.core.target import HealthCheck, Identity, Target

if TYPE_CHECKING:
    import httpx

PAUSE = 0.05  # seconds between two looks


async def watch(target: Target, beside: Address, alone: Address, promotion: Promotion) -> Watched:
    """Until the stage is over: enough answers of the new revision were good for long enough, or one was bad.

    beside: the service's own URL, where an answer counts if it names the revision; alone: the URL of its tag, where it
    must be healthy.
    """
    began = time.monotonic()
    watched = Watched()
    async with client(target) as http:
        while going(promotion, watched) is Going.HOLD:
            samples, findings = await _look(http, target, beside, alone)
            watched = Watched(time.monotonic() - began, watched.samples + samples, findings)
            await anyio.sleep(PAUSE)
    return replace(watched, seconds=round(watched.seconds, 3))


async def _look(
    http: httpx.AsyncClient, target: Target, beside: Address, alone: Address
) -> tuple[int, tuple[str, ...]]:
    """How many answers of the new revision one look gave, and what was wrong with them."""
    identity, check = target.identity or Identity(), target.health or HealthCheck("/")
    findings: list[str] = []
    answer = await _answer(http, beside, identity.path, findings)
    met = answer is not None and named_revision(identity, answer) == beside.revision
    if answer and met and answer.status >= 500:
        findings.append(f"{identity.path}: HTTP {answer.status}")
    if own := await _answer(http, alone, check.path, findings):
        states = dependency_states(parsed(own.body), target.dependencies)
        findings += problems(check, own, states)
    return int(met), tuple(findings)


async def _answer(http: httpx.AsyncClient, address: Address, path: str, findings: list[str]) -> Answer | None:
    """The answer; where none comes that is a finding: nobody can say that it was not the new revision's."""
    try:
        return await fetch(http, address.url + path, PROBE_TIMEOUT, headers=address.headers)
    except Unanswered as error:
        findings.append(str(error))
        return None
