"""How long everything took: the part of `result.json`, and the table of the worklog."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from netra_loop.core.session import Session
from netra_loop.diagnosis.latencies import contradictions, operations
from netra_loop.diagnosis.limits import Cut, cuts
from netra_loop.views.encode import code
from netra_loop.views.markdown import figure, table

Document = dict[str, Any]


def calibration_of(session: Session) -> Document:
    """Every operation with its percentiles and its limit, what the limits contradict, and what they cut off."""
    environment = {"environment": session.plan.environment.name}
    return {
        "operations": [environment | asdict(each) for each in operations(session)],
        "contradictions": [each.text for each in contradictions(session.plan)],
        "limits": [environment | _cut(each) for each in cuts(session)],
    }


def _cut(cut: Cut) -> Document:
    """A limit of ours is the oracle's: a longer one is for a person to decide."""
    return asdict(cut) | {
        "to_s": cut.to_s,
        "seat": "oracle",
        "state": "needs_review" if cut.to_s else None,
        "refusal": cut.refusal,
    }


def latencies(document: Document) -> list[str]:
    """The table of the newest iteration, a line for each limit that cut work off and for each contradiction."""
    head = ("Operation", "Completed", "Unfinished", "Median", "Ninety-fifth percentile", "Limit")
    rows = [
        [
            code(each["name"]),
            figure(each["completed"]),
            figure(each["unfinished"]),
            *(figure(each[name], "s") for name in ("p50_s", "p95_s", "limit_s")),
        ]
        for each in document["operations"]
    ]
    told = ["", "### Latencies of the newest iteration", "", *table(head, rows)] if rows else []
    told += [line for each in document["limits"] for line in ("", _limit(each))]
    return [*told, *(line for text in document["contradictions"] for line in ("", f"Limits contradict: {code(text)}"))]


def _limit(cut: Document) -> str:
    """What a limit cut off, and the longer one that is proposed, or why none is."""
    limit = f"Limit {code(cut['limit'])}, {figure(cut['from_s'], 's')}: {figure(cut['cut_off'])} cut off."
    if cut["refusal"]:
        return f"{limit} {code(cut['operation'])}: {cut['refusal']}; no longer limit is proposed."
    return (
        f"{limit} Proposed is {figure(cut['to_s'], 's')}, for a person to review and never applied here: "
        f"{code(cut['operation'])} completed {figure(cut['completions'])} times, ninety-fifth percentile "
        f"{figure(cut['p95_s'], 's')}, cap {figure(cut['cap_s'], 's')}."
    )
