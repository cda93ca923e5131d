"""One stage of a gradual shift: what users get from the new revision while it has a part of the traffic."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio

from netra_loop.adapters.http import PROBE_TIMEOUT, Unanswered, client, fetch
from netra_loop.core.health import Answer, dependency_states, named_revision, parsed, problems
from netra_loop.core.plan import Promotion
from netra_loop.core.rollout import Going, Watched, going
from netra_loop.core.target import HealthCheck, Identity, Target

if TYPE_CHECKING:
    import httpx

PAUSE = 0.05  # seconds between two looks


@dataclass(frozen=True, slots=True)
class Place:
    """Where a revision is met: at the service's own URL beside others, and alone at its tag's."""

    url: str
    tag_url: str
    revision: str


async def watch(target: Target, place: Place, promotion: Promotion) -> Watched:
    """Until the stage is over: enough answers of the new revision were good for long enough, or one was bad.

    An answer at the service's own URL counts if it names the revision; the one at its tag's URL must be healthy.
    """
    began = time.monotonic()
    watched = Watched()
    async with client(target) as http:
        while going(promotion, watched) is Going.HOLD:
            samples, findings = await _look(http, target, place)
            watched = Watched(time.monotonic() - began, watched.samples + samples, findings)
            await anyio.sleep(PAUSE)
    return replace(watched, seconds=round(watched.seconds, 3))


async def _look(http: httpx.AsyncClient, target: Target, place: Place) -> tuple[int, tuple[str, ...]]:
    """How many answers of the new revision one look gave, and what was wrong with them."""
    identity, check = target.identity or Identity(), target.health or HealthCheck("/")
    findings: list[str] = []
    answer = await _answer(http, place.url + identity.path, findings)
    met = answer is not None and named_revision(identity, answer) == place.revision
    if answer and met and answer.status >= 500:
        findings.append(f"{identity.path}: HTTP {answer.status}")
    if place.tag_url and (own := await _answer(http, place.tag_url + check.path, findings)):
        states = dependency_states(parsed(own.body), target.dependencies)
        findings += problems(check, own, states)
    return int(met), tuple(findings)


async def _answer(http: httpx.AsyncClient, url: str, findings: list[str]) -> Answer | None:
    """The answer; where none comes that is a finding: nobody can say that it was not the new revision's."""
    try:
        return await fetch(http, url, PROBE_TIMEOUT)
    except Unanswered as error:
        findings.append(str(error))
        return None
