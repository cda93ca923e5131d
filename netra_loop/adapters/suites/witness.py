"""The second witness: which requests of which test the tested revisions served, by the targets' own request log.

It can only add. A log that is late, sampled, cut or unreadable leaves a proven pass proven.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import anyio
from anyio import to_thread

from netra_loop.adapters.address import Address
from netra_loop.adapters.cloudlogs import CloudLogs, RequestLine
from netra_loop.core.events import TestResult
from netra_loop.core.logs import LogsSeen
from netra_loop.core.outcome import Proof

MOST_REQUESTS = 20_000  # entries of one suite
LOOKS, PAUSE = 3, 1.0  # how often the log is asked while requests are missing, and the seconds in between
PATIENCE = 30.0  # seconds for all of it
SKEW = timedelta(minutes=1)  # how far the log's clock may be beside ours; a trace id is found in no other time
_AGENT = "netra-loop/"
_HALF = 16  # digits of a trace id that the user agent repeats


@dataclass(frozen=True, slots=True)
class Statement:
    """What the log was asked and what it said: by test, the requests that the tested revisions served."""

    log: LogsSeen | None = None
    requests: Mapping[str, int] = field(default_factory=dict)
    trouble: str = ""


class Witness:
    def __init__(self, logs: CloudLogs) -> None:
        self._logs = logs

    async def ask(self, tests: Iterable[TestResult], addresses: Mapping[str, Address], since: datetime) -> Statement:
        """Look for the requests of proven tests that carried a trace id; again, while some are missing.

        since: when the suite began. Each look asks for the same time, up to now. Nothing is asked where no test or no
        revision could be found by it.
        """
        traces = {t.facts.trace: t.id for t in tests if t.proof is Proof.PROVEN and t.facts and t.facts.trace}
        revisions = sorted(address.revision for address in addresses.values() if address.revision)
        statement = Statement()
        window = tuple(f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}" for moment in (since - SKEW, datetime.now(UTC) + SKEW))
        if not traces or not revisions:
            return statement
        try:
            with anyio.move_on_after(PATIENCE):
                for look in range(LOOKS):
                    await anyio.sleep(PAUSE if look else 0)
                    statement = await self._look(traces, ", ".join(addresses), revisions, *window)
                    if set(traces.values()) <= set(statement.requests):
                        break
        except Exception as error:  # whatever is wrong with the log, the tests are what they are
            return Statement(statement.log, statement.requests, f"{type(error).__name__}: {error}"[:300])
        return statement

    async def _look(
        self, traces: Mapping[str, str], targets: str, revisions: list[str], since: str, until: str
    ) -> Statement:
        query = request_query(revisions, since, until)
        lines = await to_thread.run_sync(self._logs.requests, query, MOST_REQUESTS + 1, abandon_on_cancel=True)
        kept, truncated = lines[:MOST_REQUESTS], len(lines) > MOST_REQUESTS
        log = LogsSeen(targets, query, f"{since}/{until}", ", ".join(revisions), len(kept), truncated)
        return Statement(log, requests_by_test(kept, traces, revisions))


def request_query(revisions: Iterable[str], since: str, until: str) -> str:
    """The filter for every request that revisions served between two moments (Cloud Logging query language)."""
    names = " OR ".join(f'"{revision}"' for revision in revisions)
    return (
        'resource.type="cloud_run_revision" AND log_id("run.googleapis.com/requests")'
        f' AND resource.labels.revision_name=({names}) AND timestamp>="{since}" AND timestamp<="{until}"'
    )


def requests_by_test(
    lines: Iterable[RequestLine], traces: Mapping[str, str], revisions: Iterable[str]
) -> dict[str, int]:
    """How many of these requests each test sent to these revisions.

    traces: test by trace id. A request is a test's by its trace, else by the half of it that its user agent repeats.
    """
    served = frozenset(revisions)
    halves = {trace[:_HALF]: test for trace, test in traces.items()}
    found: Counter[str] = Counter()
    for line in lines:
        half = line.user_agent.rpartition(_AGENT)[2][:_HALF] if _AGENT in line.user_agent else ""
        test = traces.get(line.trace) or halves.get(half)
        if test is not None and line.revision in served:
            found[test] += 1
    return dict(found)
