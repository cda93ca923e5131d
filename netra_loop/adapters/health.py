"""Kind `health`: ask a target until it was healthy often enough in a row, or its deadline passes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import anyio

from netra_loop.adapters.access.tokens import NoAccess
from netra_loop.adapters.address import Address
from netra_loop.adapters.cloudrun import CloudRun
from netra_loop.adapters.http import PROBE_TIMEOUT, Unanswered, client, fetch
from netra_loop.adapters.locate import found
from netra_loop.adapters.reach import Refused
from netra_loop.core.access import denied
from netra_loop.core.events import Act, HandleKnown
from netra_loop.core.health import MISSING, Answer, dependency_states, named_revision, parsed, problems, unlike
from netra_loop.core.outcome import Outcome
from netra_loop.core.problem import Evidence
from netra_loop.core.seen import DependencyState, HealthSeen, Result
from netra_loop.core.session import Session
from netra_loop.core.target import Endpoint, HealthCheck, Target
from netra_loop.core.watch import Health, Sample, Watch, percentile
from netra_loop.ports import Say

if TYPE_CHECKING:
    import httpx

KEPT_BODY = 4096  # characters
KEPT_SAMPLES = 50  # of them, the newest


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


async def check_health(target: Target, address: Address) -> Result:
    """One whole health check of a target at an address, ERRORED where we may not ask; `health` does the same."""
    try:
        return await _checked(target, address)
    except (Refused, NoAccess) as error:
        return Result(Outcome.ERRORED, (str(error),))


async def _checked(target: Target, address: Address) -> Result:
    check = target.health or HealthCheck("/")
    watch, last = Watch(), _Last(dependency_states(MISSING, target.dependencies))
    began = time.perf_counter()
    async with client(target) as http:
        with anyio.move_on_after(check.deadline):
            while True:
                watch = watch.after(await _sample(http, target, address, began, last))
                if watch.health(check) is not Health.OPEN:
                    break
                await anyio.sleep(check.interval)
    return _result(target, address, check, watch, last)


@dataclass(slots=True)
class _Last:
    """What the newest whole answer told."""

    states: tuple[DependencyState, ...]
    revision: str = ""
    body: str = ""
    skew: float | None = None


async def _sample(http: httpx.AsyncClient, target: Target, address: Address, began: float, last: _Last) -> Sample:
    """One look at the target's health and all its endpoints, side by side."""
    check = target.health or HealthCheck("/")
    timeout = min(PROBE_TIMEOUT, check.deadline)
    findings: dict[str, list[str]] = {endpoint.path: [] for endpoint in check.endpoints}
    answer: Answer | None = None
    latency = 0.0
    wrong: list[str] = []
    refused: list[Refused | NoAccess] = []

    async def ask() -> None:
        nonlocal answer, latency
        started = time.perf_counter()
        try:
            answer = await fetch(http, address.url + check.path, timeout, check.redirects, address.headers)
            if why := denied(target.access, check.status, answer):
                refused.append(NoAccess(f"{target.name}: {why}"))
        except Unanswered as error:
            wrong.append(str(error))
        except Refused as error:
            refused.append(error)
        latency = time.perf_counter() - started

    async def ask_also(endpoint: Endpoint) -> None:
        try:
            also = await fetch(http, address.url + endpoint.path, timeout, check.redirects, address.headers)
        except Unanswered as error:
            findings[endpoint.path].append(str(error))
        except Refused as error:
            refused.append(error)
        else:
            findings[endpoint.path] += [f"{endpoint.path}: {each}" for each in unlike(endpoint, also)]

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        for endpoint in check.endpoints:
            tasks.start_soon(ask_also, endpoint)
    if refused:
        raise refused[0]
    if answer is not None:
        wrong += _told(target, address, check, answer, last)
    told = (*wrong, *(each for found in findings.values() for each in found))
    at = time.perf_counter() - began
    return Sample(at, latency if answer else None, answer.status if answer else None, told)


def _told(target: Target, address: Address, check: HealthCheck, answer: Answer, last: _Last) -> list[str]:
    """What is wrong with a whole answer; what else it tells is kept."""
    revision = named_revision(target.identity, answer)
    last.states = dependency_states(parsed(answer.body), target.dependencies)
    last.body, last.skew, last.revision = answer.body, _skew(answer), revision or last.revision
    found = problems(check, answer, last.states)
    if revision and address.revision and revision != address.revision:
        found.append(f"{revision} answered, not {address.revision}")
    return found


def _skew(answer: Answer) -> float | None:
    """How many seconds the clock of who answered is ahead of ours, by its `Date` header."""
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None
    return round((theirs.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _result(target: Target, address: Address, check: HealthCheck, watch: Watch, last: _Last) -> Result:
    latencies = watch.latencies
    seen = HealthSeen(
        target=target.name,
        url=address.url,
        revision=last.revision or address.revision,
        samples=len(watch.samples),
        consecutive=watch.row,
        latency_median_s=percentile(latencies, 50),
        latency_max_s=percentile(latencies, 100),
        dependencies=last.states,
        bad=watch.bad,
        latency_p95_s=percentile(latencies, 95),
        latency_p99_s=percentile(latencies, 99),
        clock_skew_s=last.skew,
        answered=len(latencies),
    )
    url, kept = f"{address.url}{check.path}", watch.samples[-KEPT_SAMPLES:]
    evidence = (
        Evidence(f"last answer of {url}", last.body[:KEPT_BODY], truncated=len(last.body) > KEPT_BODY),
        Evidence(f"answers of {url}", "\n".join(map(str, kept)), truncated=len(kept) < len(watch.samples)),
    )
    findings = watch.findings(check)
    return Result(Outcome.FAILED if findings else Outcome.PASSED, findings, seen, evidence)
