"""The parts of `result.json` that come from earlier sessions, as this one was told of them at its opening."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from netra_loop.core.codec import timestamp
from netra_loop.core.history import in_a_row, recurrence
from netra_loop.core.plan import Kind
from netra_loop.core.problem import Problem, TestName
from netra_loop.core.session import Session

Document = dict[str, Any]


def sightings_told(session: Session, problem: Problem, retried: Collection[TestName]) -> Document:
    """When a problem was seen, this session included; the last sighting is the one before it.

    retried: the tests that passed on a retry.
    """
    known = session.past.sighting(problem.signature)
    row, began = in_a_row(session, problem)
    return {
        "state": recurrence(session.past, problem, retried).value,
        "sessions": known.sessions + 1 if known else 1,
        "in_a_row": row,
        "row_began": began,
        "first_session": known.first_session if known else session.id,
        "first_seen": known.first_seen if known else timestamp(session.opened),
        "last_session": known.last_session if known else None,
        "last_seen": known.last_seen if known else None,
        "gone_in": (known.gone_in or None) if known else None,
    }


def history_of(session: Session) -> Document:
    """What the session knew of earlier ones at its opening, and which of its suites they saw red."""
    good = session.past.last_good
    chosen = {
        step.subject for step in session.plan.steps if step.kind is Kind.SUITE and step.id in session.plan.selected
    }
    return {
        "last_good": asdict(good) if good else None,
        "suites": [
            {"suite": known.suite, "session_id": known.sessions[0], "was_red": known.was_red}
            for known in session.past.suites
            if known.suite in chosen
        ],
        "skipped_journals": session.past.skipped,
        "trouble": session.past.trouble or None,
    }
