"""What a log query gave, in `result.json` and in the worklog: its patterns and what of them changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from netra_loop.core.logs import Comparison, LogsSeen
from netra_loop.diagnosis.patterns import UNREADABLE, Mined, top
from netra_loop.views.encode import code
from netra_loop.views.markdown import figure, table

Document = dict[str, Any]


def log_told(log: LogsSeen, evidence: Sequence[Document] = ()) -> Document:
    """One query and what it gave; evidence: as it is told."""
    return asdict(log) | {
        "of_good_session": log.of_good_session or None,
        "comparison": _comparison(log.comparison) if log.comparison else None,
        "evidence": list(evidence),
    }


def _comparison(comparison: Comparison) -> Document:
    return asdict(comparison) | {
        "session_id": comparison.session_id or None,
        "changes": [asdict(change) | {"trend": change.trend.value} for change in comparison.changes],
        "refused": comparison.refused or None,
    }


def of_good_session(log: Document) -> str:
    """Behind its revision, that a log is the one compared with."""
    session = log["of_good_session"]
    return f", of the last good session {code(session)}" if session else ""


def patterns(log: Document) -> list[str]:
    """What the entries of this session say and what of it changed; those compared with are told by the changes."""
    comparison = log["comparison"]
    if comparison is None:
        return []
    rows = [(code(each["severity"]), figure(each["count"]), code(each["text"])) for each in log["patterns"]]
    listing = ["", *table(("Severity", "Entries", "Pattern"), rows), ""] if rows else []
    other = [f"- Entries of other patterns: {figure(log['other'])}"] if log["other"] else []
    return [*listing, *other, *_changes(comparison)]


def _changes(comparison: Document) -> list[str]:
    if comparison["refused"]:
        return [f"- Comparison: {code(comparison['refused'])}"]
    against = (
        f"- Comparison: with the last good session {code(comparison['session_id'])}, "
        f"{figure(comparison['tests_now'])} tests now and {figure(comparison['tests_then'])} then"
    )
    rows = [
        (change["trend"], code(change["severity"]), figure(change["now"]), figure(change["then"]), code(change["text"]))
        for change in comparison["changes"]
    ]
    if not rows:
        return [f"{against}: no pattern changed"]
    more = [f"- Further changes: {figure(comparison['unlisted'])}"] if comparison["unlisted"] else []
    return [against, "", *table(("Change", "Severity", "Entries now", "Then", "Pattern"), rows), "", *more]


def export_lines(mined: Mined, most: int) -> list[str]:
    """An exported log for a terminal: counts and patterns, severe ones first; none where it holds no entry."""
    if all(pattern.severity == UNREADABLE for pattern in mined.patterns):
        return []
    listed = top(mined.patterns, most)
    lines = [f"{pattern.count:>9}  {pattern.severity:<10} {pattern.text}" for pattern in listed]
    other = mined.count - sum(pattern.count for pattern in listed)
    return [*lines, *([f"{other:>9}  in other patterns"] if other else []), f"{mined.count:>9}  in all"]
