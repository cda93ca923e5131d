"""What the platform told of the tested revisions: the part of `result.json`, and how the worklog tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from netra_loop.core.session import Session, diagnosed
from netra_loop.core.signals import Drift, Requests
from netra_loop.views.encode import code
from netra_loop.views.markdown import codes, figure, table

Document = dict[str, Any]


def signals_of(session: Session) -> Document:
    """Of every diagnosis: what was other than when its targets were good, and the requests that they served."""
    found = [(i.number, told) for i in session.iterations if (told := diagnosed(i)) is not None]
    return {
        "since_good": [_drift(number, each) for number, told in found for each in told.drifts],
        "requests": [_requests(number, each) for number, told in found for each in told.requests],
    }


def _drift(iteration: int, drift: Drift) -> Document:
    told = asdict(drift)
    return {"iteration": iteration} | told | {name: list(told[name]) for name in ("paths", "changed")}


def _requests(iteration: int, requests: Requests) -> Document:
    told = asdict(requests)
    return {"iteration": iteration} | {name: told[name] for name in ("by_status", "p50_s", "p95_s")} | _log(told["log"])


def _log(log: Document) -> Document:
    return {name: log[name] for name in ("target", "revision", "query", "window", "count", "truncated")}


def signals(document: Document) -> list[str]:
    """The lines of the worklog; none where nothing was looked at."""
    return [*_served(document["requests"]), *(line for each in document["since_good"] for line in _since_good(each))]


def _served(rows: Sequence[Document]) -> list[str]:
    if not rows:
        return []
    errors = ("Client errors", "Server errors")
    head = ("Iteration", "Service", "Requests", "Successful", *errors, "Median", "Ninety-fifth percentile")
    lines = [
        [
            figure(row["iteration"]),
            code(row["target"]),
            figure(row["count"]) + ", truncated" * row["truncated"],
            *(figure(row["by_status"].get(status, 0)) for status in ("2xx", "4xx", "5xx")),
            figure(row["p50_s"], "s"),
            figure(row["p95_s"], "s"),
        ]
        for row in rows
    ]
    return ["", "### Requests that the tested revisions served", "", *table(head, lines)]


def _since_good(drift: Document) -> list[str]:
    good, tested = code(drift["good"]), code(drift["tested"])
    lines = [
        "",
        f"### {code(drift['target'])} since it was last proven good",
        "",
        f"Iteration {figure(drift['iteration'])} tested {tested}; {good} was good in {code(drift['session_id'])}.",
    ]
    lines += [
        f"- {code(each['name'])}: {_value(each['before'])} -> {_value(each['after'])}" for each in drift["changed"]
    ]
    if not drift["changed"]:
        lines.append("- no setting, variable or image is other")
    if drift["commits"] is not None and drift["files"] is not None:
        files = f"{figure(drift['files'])} changed files{', of them' if len(drift['paths']) < drift['files'] else ''}"
        lines.append(f"- {figure(drift['commits'])} commits, {files}: {codes(drift['paths'])}")
    return lines


def _value(value: str | None) -> str:
    return "(not set)" if value is None else code(value)
