"""Compliance in `result.json` and in the worklog."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from netra_loop.core import codec
from netra_loop.core.compliance import Checked, Checker, judged
from netra_loop.core.events import Before, SessionOpened
from netra_loop.core.plan import Kind, Phase, Plan
from netra_loop.core.session import Session, replay
from netra_loop.views.result import result_of
from netra_loop.views.worklog import worklog
from tests.stories import Story, plan_of, step, usual_plan

CHECKER = Checker(("check",), "strict", "([0-9]+) files", "([0-9]+) violations")
BEFORE = Before("s-0", "all", "local", "RED", 1, 0, 0, (), Checked("strict", 3, 2, 1))


def plan() -> Plan:
    plan = plan_of(Phase("rules", "Rules", (step(Kind.COMPLIANCE, "strict", step_id="rules"),)))
    return replace(plan, environment=replace(plan.environment, compliance=CHECKER))


def session(found: Checked | None, before: Before | None = None) -> Session:
    """A session whose check said this, after the one before; read back from what its journal keeps."""
    story = Story(plan()).begin()
    if found is not None:
        outcome, reasons = judged(found)
        story.does("rules", outcome, *reasons, seen=found)
    opening = story.entries[0]
    assert isinstance(opening.event, SessionOpened)
    entries = [replace(opening, event=replace(opening.event, before=before)), *story.entries[1:]]
    kept = (json.loads(json.dumps(codec.encode(entry.event))) for entry in entries)
    told = replay(replace(entry, event=codec.decode(event)) for entry, event in zip(entries, kept, strict=True))
    assert told is not None
    return told


def section(of: Session) -> list[str]:
    def lines() -> Iterator[str]:
        inside = False
        for line in worklog(result_of(of)).splitlines():
            inside = line == "## Compliance" or (inside and not line.startswith("## "))
            if inside and line and not line.startswith("## "):
                yield line

    return list(lines())


def test_without_a_checker_it_is_not_configured() -> None:
    bare = Story(usual_plan()).begin().session

    assert result_of(bare)["compliance"] == {}
    assert section(bare) == ["not configured"]


def test_a_checker_that_has_not_run_has_no_figures() -> None:
    told = result_of(session(None))["compliance"]

    assert (told["outcome"], told["files"], told["violations"]) == (None, None, None)
    assert section(session(None)) == ["Mode `strict` is configured; no check of it has ended."]


def test_a_check_is_told_with_its_counts_and_what_the_session_before_had() -> None:
    told = session(Checked("strict", 3, 0, 0), BEFORE)

    assert result_of(told)["compliance"] == {
        "mode": "strict",
        "outcome": "passed",
        "reasons": [],
        "files": 3,
        "violations": 0,
        "listed": None,
        "exit_code": 0,
        "file_set": None,
        "previous": {"is_comparable": True, "why_not": None, "violations": 2},
    }
    assert section(told) == [
        "Mode `strict`: passed.",
        "Files checked: 3. Violations: 0. Exit code: 0.",
        "The session before, same mode and files: 2 violations.",
    ]


def test_no_file_is_an_error_and_never_a_percentage() -> None:
    told = session(Checked("strict", 0, 0, 0), BEFORE)

    assert section(told) == [
        "Mode `strict`: errored, because `checked no file`.",
        "Files checked: 0. Violations: 0. Exit code: 0.",
        "Not comparable: this session has no counts to compare.",
    ]
    assert "%" not in "".join(section(told))


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (None, "the session before has no counts of this environment"),
        (replace(BEFORE, environment="staging"), "the session before has no counts of this environment"),
        (replace(BEFORE, checked=Checked("lax", 3, 0, 0)), "the session before was checked in another mode"),
        (replace(BEFORE, checked=Checked("strict", 4, 0, 0)), "the session before was checked on other files"),
    ],
)
def test_a_check_that_cannot_be_compared_says_why(before: Before | None, why: str) -> None:
    told = session(Checked("strict", 3, 0, 0), before)

    assert result_of(told)["compliance"]["previous"] == {"is_comparable": False, "why_not": why, "violations": None}
    assert section(told)[-1] == f"Not comparable: {why}."
