"""Kind `health`: ask a target until it was healthy often enough in a row, or its deadline passes."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field

import anyio

from netra_loop.adapters.cloudrun import CloudRun
from netra_loop.adapters.http import PROBE_TIMEOUT, Unanswered, client, fetch
from netra_loop.adapters.locate import Address, found
from netra_loop.core.events import Act, HandleKnown
from netra_loop.core.health import MISSING, dependency_states, named_revision, parsed, problems
from netra_loop.core.outcome import Outcome
from netra_loop.core.problem import Evidence
from netra_loop.core.seen import DependencyState, HealthSeen, Result
from netra_loop.core.session import Session
from netra_loop.core.target import HealthCheck, Target
from netra_loop.ports import Say


class HealthRunner:
    def __init__(self, cloud: CloudRun) -> None:
        self._cloud = cloud

    async def run(self, act: Act, session: Session, say: Say) -> Result:
        """PASSED when healthy, FAILED when not by the deadline, ERRORED when there is nothing to look at."""
        target = session.plan.environment.target(act.subject)
        address = await found(self._cloud, session, act, target)
        if isinstance(address, Result):
            return address
        check = target.health or HealthCheck("/")
        say(HandleKnown(act.id, {"command": f"GET {address.url}{check.path}"}))
        return await check_health(target, address)


@dataclass(slots=True)
class _Watch:
    """What the samples of one check have shown so far; latencies in seconds."""

    samples: int = 0
    row: int = 0
    latencies: list[float] = field(default_factory=list)
    states: tuple[DependencyState, ...] = ()
    revision: str = ""
    findings: tuple[str, ...] = ("no answer yet",)
    body: str = ""


async def check_health(target: Target, address: Address) -> Result:
    """One whole health check of a target at an address; also what the `health` command does."""
    check = target.health or HealthCheck("/")
    watch = _Watch(states=dependency_states(MISSING, target.dependencies))
    async with client() as http:
        with anyio.move_on_after(check.deadline):
            while watch.row < check.consecutive:
                started = time.perf_counter()
                try:
                    answer = await fetch(http, address.url + check.path, min(PROBE_TIMEOUT, check.deadline))
                except Unanswered as error:
                    watch.samples, watch.row, watch.findings = watch.samples + 1, 0, (str(error),)
                else:
                    watch.latencies.append(time.perf_counter() - started)
                    watch.samples += 1
                    watch.body = answer.body
                    watch.revision = named_revision(target.identity, answer) or watch.revision
                    watch.states = dependency_states(parsed(answer.body), target.dependencies)
                    watch.findings = tuple(problems(check, answer, watch.states))
                    watch.row = 0 if watch.findings else watch.row + 1
                if watch.row < check.consecutive:
                    await anyio.sleep(check.interval)
    return _result(target, address, check, watch)


def _result(target: Target, address: Address, check: HealthCheck, watch: _Watch) -> Result:
    seen = HealthSeen(
        target=target.name,
        url=address.url,
        revision=watch.revision or address.revision,
        samples=watch.samples,
        consecutive=watch.row,
        latency_median_s=round(statistics.median(watch.latencies), 4) if watch.latencies else None,
        latency_max_s=round(max(watch.latencies), 4) if watch.latencies else None,
        dependencies=watch.states,
    )
    evidence = (
        Evidence(f"last answer of {address.url}{check.path}", watch.body[:4096], truncated=len(watch.body) > 4096),
    )
    if watch.row >= check.consecutive:
        return Result(Outcome.PASSED, (), seen, evidence)
    return Result(
        Outcome.FAILED, watch.findings or ("flapping: healthy, but not often enough in a row",), seen, evidence
    )
