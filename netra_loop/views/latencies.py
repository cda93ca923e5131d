"""How long everything took: the part of `result.json`, and the table of the worklog."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from netra_loop.core.session import Session
from netra_loop.diagnosis.latencies import contradictions, operations
from netra_loop.views.encode import code
from netra_loop.views.markdown import figure, table

Document = dict[str, Any]


def calibration_of(session: Session) -> Document:
    """Every operation with its percentiles and its limit, and what contradicts in the plan's limits."""
    environment = {"environment": session.plan.environment.name}
    return {
        "operations": [environment | asdict(each) for each in operations(session)],
        "contradictions": list(contradictions(session.plan)),
    }


def latencies(document: Document) -> list[str]:
    """The table of the newest iteration, and a line for each contradiction; nothing where nothing was recorded."""
    head = ("Operation", "Completed", "Cut off", "Median", "Ninety-fifth percentile", "Limit")
    rows = [
        [
            code(each["name"]),
            figure(each["completed"]),
            figure(each["cut_off"]),
            *(figure(each[name], "s") for name in ("p50_s", "p95_s", "limit_s")),
        ]
        for each in document["operations"]
    ]
    told = ["", "### Latencies of the newest iteration", "", *table(head, rows)] if rows else []
    return [*told, *(line for text in document["contradictions"] for line in ("", f"Limits contradict: {code(text)}"))]
