"""Kind `logs`: what Cloud Logging has of a revision since the iteration began."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
from anyio import to_thread

from netra_loop.adapters.cloudrun import CloudRun, client_options
from netra_loop.adapters.files import SessionFolder, sha256_of, write_whole
from netra_loop.adapters.google_errors import errored
from netra_loop.adapters.locate import found
from netra_loop.adapters.redact import Redactor
from netra_loop.core.environment import Environment
from netra_loop.core.events import Act, HandleKnown
from netra_loop.core.logs import LogsSeen
from netra_loop.core.outcome import Outcome
from netra_loop.core.problem import Evidence
from netra_loop.core.seen import Result
from netra_loop.core.session import Session
from netra_loop.ports import Say

LATE = 15.0  # seconds in which the first entry of a live service must come into sight
ASK_AGAIN = 0.5  # seconds between two queries
ENTRY_LIMIT = 1000
EXCERPT_LINES, LONGEST_QUOTE = 20, 200  # characters; 4 KB in all
_WORTH_QUOTING = frozenset({"WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"})


@dataclass(frozen=True, slots=True)
class LogLine:
    """One entry, in the form that is kept; payload is what a structured one says, trace the id of its request's.

    instance: of the service that wrote it, empty where that is not told.
    """

    at: str
    severity: str
    log: str
    text: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    trace: str = ""
    instance: str = ""

    def __str__(self) -> str:
        return f"{self.at} {self.severity} {self.log} {self.text}"


@dataclass(frozen=True, slots=True)
class RequestLine:
    """One request as its target's log tells it: the id of its trace, who asked, which revision and instance served it.

    status: 0 where no answer is known; latency_s: None where it is not told.
    """

    trace: str
    user_agent: str
    revision: str
    status: int = 0
    latency_s: float | None = None
    instance: str = ""


class CloudLogs:
    """The log entries of one project. Every method is one blocking query."""

    def __init__(self, environment: Environment, api_url: str = "") -> None:
        self._project = environment.project
        self._api_url = api_url

    def entries(self, query: str, limit: int, *, newest_first: bool = False) -> list[LogLine]:
        """The entries that match, at most `limit`, ordered by time."""
        return [_line(entry) for entry in self._found(query, limit, newest_first)]

    def requests(self, query: str, limit: int) -> list[RequestLine]:
        """The requests among the entries that match, at most `limit` entries, ordered by time."""
        return [_request(entry) for entry in self._found(query, limit, newest_first=False) if entry.http_request]

    def _found(self, query: str, limit: int, newest_first: bool) -> Any:
        os.environ["GOOGLE_CLOUD_DISABLE_GRPC"] = "true"  # the client reads it when it is imported
        from google.cloud import logging

        options = client_options(self._api_url)
        client = logging.Client(  # by HTTP also where somebody else has imported it before
            project=self._project, _use_grpc=False, **options
        )  # type: ignore[no-untyped-call]
        order = "timestamp desc" if newest_first else "timestamp asc"
        return client.list_entries(  # type: ignore[no-untyped-call]
            filter_=query or None, order_by=order, max_results=limit, page_size=min(limit, 1000)
        )


class LogsRunner:
    def __init__(self, cloud: CloudRun, logs: CloudLogs, folder: SessionFolder, redactor: Redactor) -> None:
        self._cloud = cloud
        self._logs = logs
        self._folder = folder
        self._redactor = redactor

    async def run(self, act: Act, session: Session, say: Say) -> Result:
        """PASSED with entries. No entry of a live service, or a query that failed, is ERRORED, never `no errors`."""
        target = session.plan.environment.target(act.subject)
        address = await found(self._cloud, session, act, target)
        if isinstance(address, Result):
            return address
        try:
            begun = session.iterations[act.iteration - 1].begun
            since, until = (f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}" for moment in (begun, session.at))
            query = log_query(target.service, address.revision, since, until)
            say(HandleKnown(act.id, {"command": f"entries.list {query}"}))
            lines = await until_written(self._logs, query, ENTRY_LIMIT + 1, min(LATE, act.timeout / 2))
        except Exception as error:
            return errored(error, f"reading the logs of {target.service}")
        kept = lines[:ENTRY_LIMIT]
        seen = LogsSeen(
            target=target.name,
            query=query,
            window=f"{since}/{until}",
            revision=address.revision,
            count=len(kept),
            truncated=len(lines) > ENTRY_LIMIT,
            by_severity=dict(sorted(Counter(line.severity for line in kept).items())),
        )
        evidence = (self._evidence(act, session.record(act.id).attempt, kept),)
        if not kept:
            return Result(Outcome.ERRORED, ("no_entries",), seen, evidence)
        return Result(Outcome.PASSED, (), seen, evidence)

    def _evidence(self, act: Act, attempt: int, lines: list[LogLine]) -> Evidence:
        """All entries as an artifact, the last ones worth quoting as the excerpt."""
        path = self._folder.artifact_folder(act.id, attempt) / "entries.txt"
        text = self._redactor.text("".join(f"{line}\n" for line in lines))
        write_whole(path, text.encode("utf-8", "replace"), 0o600)
        quoted = [self._redactor.text(str(line)) for line in lines if line.severity in _WORTH_QUOTING]
        excerpt = "\n".join(line[:LONGEST_QUOTE] for line in quoted[-EXCERPT_LINES:])
        title = f"log entries of {act.subject}, severity WARNING and above"
        return Evidence(title, excerpt, self._folder.reference(path), sha256_of(path), len(quoted) > EXCERPT_LINES)


async def until_written(logs: CloudLogs, query: str, limit: int, patience: float) -> list[LogLine]:
    """What a query gives, at most `limit`; entries come late, so none is believed only after `patience` seconds."""
    deadline = anyio.current_time() + patience
    while True:
        lines = await to_thread.run_sync(logs.entries, query, limit)
        if lines or anyio.current_time() > deadline:
            return lines
        await anyio.sleep(ASK_AGAIN)


def log_query(service: str, revision: str, since: str, until: str) -> str:
    """The filter for everything a revision wrote between two moments (Cloud Logging query language).

    What comes late has the time at which it was written: asked again, the same query finds it.
    """
    parts = [
        'resource.type="cloud_run_revision"',
        f'resource.labels.service_name="{service}"',
        f'timestamp>="{since}"',
        f'timestamp<="{until}"',
    ]
    if revision:
        parts.insert(2, f'resource.labels.revision_name="{revision}"')
    return " AND ".join(parts)


def _line(entry: Any) -> LogLine:
    payload = entry.payload
    fields = payload if isinstance(payload, dict) else {}
    if entry.http_request:
        request = entry.http_request
        said = f" {payload}" if isinstance(payload, str) else ""
        payload = f"{request.get('requestMethod')} {request.get('requestUrl')} {request.get('status')}{said}"
    elif isinstance(payload, dict):
        payload = json.dumps(payload, ensure_ascii=False, sort_keys=True)
    log = str(entry.log_name or "").rpartition("%2F")[2] or "log"
    at = f"{entry.timestamp:%Y-%m-%dT%H:%M:%S.%fZ}" if entry.timestamp else "-"
    text = str(payload or "").replace("\n", "\\n")
    return LogLine(at, str(entry.severity or "DEFAULT"), log, text, fields, _trace_id(entry), _instance(entry))


def _request(entry: Any) -> RequestLine:
    agent = str(entry.http_request.get("userAgent") or "")
    labels = (entry.resource.labels if entry.resource else None) or {}
    status, latency = entry.http_request.get("status"), str(entry.http_request.get("latency") or "")
    seconds = float(latency[:-1]) if re.fullmatch(r"\d+(?:\.\d+)?s", latency) else None
    served = status if isinstance(status, int) else 0
    revision, instance = str(labels.get("revision_name", "")), _instance(entry)
    return RequestLine(_trace_id(entry), agent, revision, served, seconds, instance)


def _instance(entry: Any) -> str:
    return str((entry.labels or {}).get("instanceId", ""))


def _trace_id(entry: Any) -> str:
    """The last part of `projects/PROJECT/traces/ID`."""
    return str(entry.trace or "").rpartition("/")[2]
