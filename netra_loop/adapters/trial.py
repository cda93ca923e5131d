"""Looks at a revision alone, at the URL of a tag with 0 % of the traffic, before it gets any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import anyio
from anyio import to_thread

from netra_loop.adapters.address import Address
from netra_loop.adapters.cloudrun import CloudRun, ServiceState
from netra_loop.adapters.health import check_health
from netra_loop.adapters.http import Unanswered, client, fetch, identify
from netra_loop.adapters.publish import POLL, Tell
from netra_loop.adapters.shifting import others_tags, set_traffic
from netra_loop.core.names import TAG_PREFIX
from netra_loop.core.outcome import Outcome
from netra_loop.core.seen import HealthSeen, Share
from netra_loop.core.target import Target
from netra_loop.core.traffic import percents

READY_PATIENCE = 15.0  # seconds in which a revision's readiness must be decided


@dataclass(frozen=True, slots=True)
class Trial:
    """A revision to be tried. key: names the tag; refuse_foreign: raises when somebody else has moved the traffic."""

    target: Target
    revision: str
    key: str
    refuse_foreign: Callable[[ServiceState], None]

    @property
    def tag(self) -> str:
        return f"{TAG_PREFIX}{self.key}"

    def tagged(self, now: ServiceState) -> list[Share]:
        return [*self.untagged(now), Share(self.revision, 0, self.tag)]

    def untagged(self, now: ServiceState) -> list[Share]:
        """The traffic as it is, with the tags of others."""
        self.refuse_foreign(now)
        return [*(Share(name, percent) for name, percent in percents(now.effective).items()), *others_tags(now)]


@dataclass(frozen=True, slots=True)
class Tried:
    """What was seen of it. A good one keeps its tag, which the shift that follows takes away."""

    good: bool
    said: str


async def tried(cloud: CloudRun, trial: Trial, tell: Tell) -> Tried:
    """Whether a revision is there, Ready, healthy and itself; no traffic is shifted, and a bad one keeps no tag."""
    problem = await _not_ready(cloud, trial)
    if problem:
        return Tried(False, problem)
    tell({"tag": trial.tag})
    service = await set_traffic(cloud, trial.target.service, trial.tagged, tell)
    address = await cloud.address(trial.target, service, service.tag_url(trial.tag), trial.revision)
    seen = await _looked_at(trial, address)
    if not seen.good:
        await set_traffic(cloud, trial.target.service, trial.untagged, tell)
    return seen


async def _not_ready(cloud: CloudRun, trial: Trial) -> str:
    """Why a revision cannot serve; empty when it can. One that is still being decided gets some seconds."""
    deadline = anyio.current_time() + READY_PATIENCE
    while True:
        found = await to_thread.run_sync(cloud.revision, trial.target.service, trial.revision)
        if found is None:
            return f"revision {trial.revision} does not exist any more"
        if found.ready:
            return ""
        if found.ready is False or anyio.current_time() > deadline:
            return f"revision {trial.revision} is not ready: {found.message or 'it was not decided in time'}"
        await anyio.sleep(POLL)


async def _looked_at(trial: Trial, address: Address) -> Tried:
    url, health = address.url, await healthy_at(trial.target, address)
    if not health.good:
        return Tried(False, f"revision {trial.revision} is not healthy at {url}: {health.said}")
    identified = await identify(trial.target, address)
    if not identified.verified:
        return Tried(False, f"revision {trial.revision} does not answer at {url}: {identified.how}")
    return Tried(True, f"{health.said} at {url}, identity {identified.how}")


async def healthy_at(target: Target, address: Address) -> Tried:
    """How a target is at an address, by its own health check; where it declares none, any answer below 500 will do."""
    if target.health is None:
        return await _answers(target, address)
    health = await check_health(target, address)
    if health.outcome is not Outcome.PASSED:
        return Tried(False, "; ".join(health.reasons))
    row = health.seen.consecutive if isinstance(health.seen, HealthSeen) else 0
    return Tried(True, f"healthy {row} times in a row")


async def _answers(target: Target, address: Address) -> Tried:
    async with client(target) as http:
        try:
            answer = await fetch(http, f"{address.url}/", headers=address.headers)
        except Unanswered as error:
            return Tried(False, str(error))
    return Tried(answer.status < 500, f"HTTP {answer.status} at /, no health check is declared")
