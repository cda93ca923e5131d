"""What log queries gave, in the result and in the worklog."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import jsonschema

from netra_loop.core import codec
from netra_loop.core.events import ActEnded
from netra_loop.core.logs import Change, Comparison, LogsSeen, Pattern, Trend
from netra_loop.core.problem import Diagnosed
from netra_loop.views.result import result_of
from netra_loop.views.worklog import worklog
from tests.stories import NEW, OLD, Story, knowing, usual_plan
from tests.views.test_worklog import unaccounted

CHANGES = (
    Change(Trend.NEW, "ERROR", "store | `HOST` is gone", 7, 0),
    Change(Trend.LESS, "INFO", "order # taken", 11, 40),
)
PATTERNS = (
    Pattern("ERROR", "store | `HOST` is gone", 7, "store | `10.0.0.1` is gone"),
    Pattern("INFO", "order # taken", 11, "order 5 taken"),
)
COMPARED = Comparison("s1", 21, 23, CHANGES, unlisted=2)


def story(comparison: Comparison | None = COMPARED, patterns: tuple[Pattern, ...] = PATTERNS, other: int = 4) -> Story:
    """A red session whose diagnosis read a log and that of the last good session."""
    now = LogsSeen("backend", "q", "w", NEW, 22, False, {}, patterns, other, comparison=comparison)
    then = LogsSeen("backend", "q then", "w", OLD, 40, False, {}, patterns[1:], of_good_session="s1")
    seen = Diagnosed((), (), 22, logs=(now, then) if comparison and comparison.session_id else (now,))
    return Story(knowing(usual_plan())).runs().does("diagnose", seen=seen)


def logs_section(told: Story) -> list[str]:
    section = worklog(json.loads(json.dumps(result_of(told.session)))).partition("## Cloud logs evidence")[2]
    return section.partition("\n## ")[0].strip().splitlines()


def test_the_worklog_tells_patterns_then_what_changed_then_the_log_it_was_compared_with() -> None:
    assert logs_section(story()) == [
        "- Query: `q`",
        "- Window: `w`",
        f"- Revision: `{NEW}`",
        "- Entries: 22",
        "",
        "| Severity | Entries | Pattern |",
        "|---|---|---|",
        "| `ERROR` | 7 | ``store \\| `HOST` is gone`` |",
        "| `INFO` | 11 | `order # taken` |",
        "",
        "- Entries of other patterns: 4",
        "- Comparison: with the last good session `s1`, 21 tests now and 23 then",
        "",
        "| Change | Severity | Entries now | Then | Pattern |",
        "|---|---|---|---|---|",
        "| new since | `ERROR` | 7 | 0 | ``store \\| `HOST` is gone`` |",
        "| a third as often | `INFO` | 11 | 40 | `order # taken` |",
        "",
        "- Further changes: 2",
        "",
        "- Query: `q then`",
        "- Window: `w`",
        f"- Revision: `{OLD}`, of the last good session `s1`",
        "- Entries: 40",
    ]


def test_where_nothing_changed_that_is_said() -> None:
    assert "- Comparison: with the last good session `s1`, 21 tests now and 23 then: no pattern changed" in (
        logs_section(story(Comparison("s1", 21, 23)))
    )


def test_where_nothing_can_be_compared_the_reason_is_told_and_no_change() -> None:
    refused = Comparison(refused="nothing to compare with: no session has proven a revision good")

    assert logs_section(story(refused))[-1] == f"- Comparison: `{refused.refused}`"


def test_a_log_without_patterns_is_told_as_ever() -> None:
    assert logs_section(story(None, (), 0)) == [
        "- Query: `q`",
        "- Window: `w`",
        f"- Revision: `{NEW}`",
        "- Entries: 22",
    ]


def test_every_figure_of_the_patterns_is_in_the_result() -> None:
    assert unaccounted(story()) == set()


def test_the_result_fits_its_schema_and_tells_changes_in_words() -> None:
    document: dict[str, Any] = json.loads(json.dumps(result_of(story().session)))
    schema = json.loads(resources.files("netra_loop.views").joinpath("result.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(document)
    now, then = (log for log in document["logs"] if log["query"].startswith("q"))

    assert [change["trend"] for change in now["comparison"]["changes"]] == ["new since", "a third as often"]
    assert (now["of_good_session"], then["of_good_session"], then["comparison"]) == (None, "s1", None)


def test_patterns_and_changes_come_back_from_the_journal_as_they_went() -> None:
    event = story().entries[-1].event

    assert codec.decode(json.loads(json.dumps(codec.encode(event)))) == event


def test_a_log_of_a_journal_from_before_patterns_can_be_read() -> None:
    record = json.loads(json.dumps(codec.encode(story().entries[-1].event)))
    for log in record["result"]["seen"]["logs"]:
        for name in ("patterns", "other", "of_good_session", "comparison"):
            del log[name]
    decoded = codec.decode(record)

    assert isinstance(decoded, ActEnded)
    assert isinstance(decoded.result.seen, Diagnosed)
    assert [log.patterns for log in decoded.result.seen.logs] == [(), ()]
