"""Compliance as `result.json` and the worklog tell it: counts, never a share, for a file may break many rules."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from netra_loop.core.compliance import Checked, not_comparable
from netra_loop.core.plan import Kind
from netra_loop.core.seen import Result
from netra_loop.core.session import Session
from netra_loop.views.encode import code
from netra_loop.views.markdown import codes, figure

Document = dict[str, Any]

_NOTHING = Checked("", None, None, None)


def newest_check(session: Session) -> tuple[Result | None, Checked | None]:
    """How the last check of the newest iteration ended, and what it said; None where there was none."""
    records = session.current.of_kind(Kind.COMPLIANCE) if session.current else ()
    ended = [record for record in records if record.ended is not None]
    result = max(ended, key=lambda record: record.entry).result if ended else None
    seen = result.seen if result else None
    return result, seen if isinstance(seen, Checked) else None


def compliance_of(session: Session) -> Document:
    """What the checker found in the newest iteration; empty where none is configured."""
    checker = session.plan.environment.compliance
    if checker is None:
        return {}
    result, found = newest_check(session)
    told = asdict(found or _NOTHING)
    return told | {
        "mode": checker.mode,
        "outcome": result.outcome.value if result else None,
        "reasons": list(result.reasons) if result else [],
        "file_set": told["file_set"] or None,
        "previous": _previous(session, found),
    }


def _previous(session: Session, found: Checked | None) -> Document:
    before = session.before
    is_ours = before is not None and before.environment == session.plan.environment.name
    earlier = before.checked if before is not None and is_ours else None
    why_not = not_comparable(found, earlier)
    violations = earlier.violations if earlier and not why_not else None
    return {"is_comparable": not why_not, "why_not": why_not or None, "violations": violations}


def compliance(told: Document) -> list[str]:
    """What the worklog says of a configured checker."""
    if told["outcome"] is None:
        return [f"Mode {code(told['mode'])} is configured; no check of it has ended."]
    because = f", because {codes(told['reasons'])}" if told["reasons"] else ""
    previous = told["previous"]
    compared = (
        f"The session before, same mode and files: {figure(previous['violations'])} violations."
        if previous["is_comparable"]
        else f"Not comparable: {previous['why_not']}."
    )
    return [
        f"Mode {code(told['mode'])}: {told['outcome']}{because}.",
        f"Files checked: {figure(told['files'])}. Violations: {figure(told['violations'])}. "
        f"Exit code: {figure(told['exit_code'])}.",
        compared,
    ]
