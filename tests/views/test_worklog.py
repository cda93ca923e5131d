"""The worklog says what happened, and no figure that `result.json` does not hold."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck as Check
from hypothesis import given, settings
from hypothesis import strategies as st

from netra_loop.core.events import ActEnded, SessionFinished
from netra_loop.core.logs import LogsSeen
from netra_loop.core.outcome import Outcome, Proof, TestOutcome
from netra_loop.core.policy import Finish, decide
from netra_loop.core.problem import Evidence
from netra_loop.core.seen import DependencyState, Result
from netra_loop.views.result import result_of
from netra_loop.views.worklog import is_whole, worklog
from tests.stories import NEW, OLD, Story, usual_plan

FIGURE = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
LABELS = ("(95 % interval ", "sha256 ", "latency_p95_s", "latency_p99_s")  # levels and names are no results


def finished(story: Story) -> Story:
    for move in decide(story.session).moves:
        if isinstance(move, Finish):
            story.emit(SessionFinished(move.verdict))
    assert story.session.verdict is not None
    return story


def green() -> Story:
    story = Story(usual_plan()).begin().deploys().is_healthy().tests("p1", ["a.py::test_a", "a.py::test_b"])
    return finished(story.tests("events", ["b.py::test_c"]).does("logs-backend").promotes())


def red() -> Story:
    story = Story(usual_plan()).begin().deploys().is_healthy()
    story.tests("p1", {"a.py::test_a": TestOutcome.FAILED, "a.py::test_b": TestOutcome.PASSED}, Outcome.FAILED)
    return finished(story.tests("events", ["b.py::test_c"]).does("logs-backend"))


def unsafe() -> Story:
    story = Story(usual_plan()).begin().deploys().is_healthy().tests("p1", ["a.py::test_a"])
    story.tests("events", ["b.py::test_c"]).does("logs-backend")
    return finished(story.promotes(Outcome.FAILED).restores(Outcome.FAILED, "revision backend-old is not ready"))


def text_of(story: Story) -> str:
    return worklog(result_of(story.session))


def quoted_away(markdown: str) -> str:
    """The Markdown without its quoted evidence: blocks, code spans, the footer."""
    without_blocks = re.sub(r"^(`{3,})text\n.*?^\1$", "", markdown, flags=re.M | re.S)
    return re.sub(r"(`+)(?:.+?)\1(?!`)|<!--.*?-->", "", without_blocks)


def values_in(document: Any) -> list[Any]:
    """Everything in the document that is neither a mapping nor a list."""
    if isinstance(document, dict | list):
        inside = document.values() if isinstance(document, dict) else document
        return [value for each in inside for value in values_in(each)]
    return [document]


def figures_in(document: Any) -> set[str]:
    """Every number of the document as JSON writes it; digits inside its texts are none."""
    return {json.dumps(value) for value in values_in(document) if isinstance(value, int | float)}


def whole_texts_in(document: Any) -> set[str]:
    """The texts that the worklog prints unquoted and whole, and that may hold digits: timestamps and priorities."""
    times = {value for value in values_in(document) if isinstance(value, str) and TIMESTAMP.fullmatch(value)}
    return times | {f"({suite['priority']})" for each in document["iterations"] for suite in each["suites"]}


def unaccounted_in(markdown: str, document: Any) -> set[str]:
    """The printed figures that are no number of the document and stand in no text of it that is printed whole."""
    printed = quoted_away(markdown)
    for text in (*LABELS, *sorted(whole_texts_in(document), key=len, reverse=True)):
        printed = printed.replace(text, " ")
    return set(FIGURE.findall(printed)) - figures_in(document)


def unaccounted(story: Story) -> set[str]:
    document = json.loads(json.dumps(result_of(story.session)))
    return unaccounted_in(worklog(document), document)


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("3 tests in 0.125 s", set()),
        ("4 tests", {"4"}),
        ("at 2025-09-14T17:10:28Z", set()),
        ("at 2025-09-14T17:10:29Z", {"2025", "09", "14", "17", "10", "29"}),
        ("17 tests", {"17"}),
        ("revision 00042", {"00042"}),
        ("revision `r-00042`", set()),
        ("suite (P1)", set()),
        ("1 suite", {"1"}),
    ],
)
def test_a_printed_figure_is_a_number_of_the_result_or_stands_in_a_text_printed_whole(
    text: str, missing: set[str]
) -> None:
    suites = [{"priority": "P1", "id": "r-00042"}]
    document = {"n": 3, "s": 0.125, "at": "2025-09-14T17:10:28Z", "iterations": [{"suites": suites}]}

    assert unaccounted_in(text, document) == missing


def test_an_unsafe_session_begins_with_what_a_person_can_type() -> None:
    lines = [line for line in text_of(unsafe()).splitlines() if line]

    assert lines[0].startswith("# UNSAFE: ")
    assert lines[1:3] == [
        '    eval "$(ultimate-test-deploy-loop local env)"',
        f"    gcloud run services update-traffic backend --project project --region region --to-revisions={OLD}=100",
    ]


def test_the_first_line_is_the_verdict_in_words_and_numbers() -> None:
    assert text_of(green()).splitlines()[0] == "# GREEN: 3 counted passes of 3 collected tests"
    assert text_of(red()).splitlines()[0] == "# RED: 2 counted passes of 3 collected tests"


def test_an_unfinished_session_says_so() -> None:
    assert text_of(Story(usual_plan()).begin()).startswith("# IN PROGRESS: 0 counted passes of 0 collected tests")


def test_the_sections_stand_in_their_order() -> None:
    headings = [line for line in text_of(green()).splitlines() if line.startswith("## ")]

    assert headings == [
        "## Executive summary",
        "## Deployment",
        "## Test focus selection",
        "## Execution log",
        "## Comprehensive analysis",
        "## Remediation",
        "## Cloud logs evidence",
        "## Compliance",
        "## Next actions",
        "## Previous session",
    ]


def test_it_names_revisions_digest_and_traffic() -> None:
    text = text_of(red())

    for line in (
        f"- Revision under test: `{NEW}`",
        f"- Serving at the end: `{OLD}`",
        "- Image digest: `sha256:aa`",
        f"- Traffic before: `{OLD}` 100 %",
        f"- Traffic after: `{OLD}` 100 %, `{NEW}` 0 % tag `ntl-1`",
    ):
        assert line in text.splitlines()


def test_it_has_a_row_for_every_test() -> None:
    rows = [line for line in text_of(red()).splitlines() if "::test_" in line and line.startswith("|")]

    assert rows == [
        "| `a.py::test_a` | failed | contact | - | 0.125 s | 120 | 1 | - |",
        "| `a.py::test_b` | passed | proven | - | 0.125 s | 120 | 1 | - |",
        "| `b.py::test_c` | passed | proven | - | 0.125 s | 120 | 1 | - |",
    ]


def test_the_footer_covers_everything_above_it() -> None:
    body, footer = text_of(green()).rsplit("<!-- ", 1)

    digest = hashlib.sha256(body.encode()).hexdigest()
    assert footer == f"netra-loop seq={len(green().entries)} state=final sha256={digest} -->\n"


def test_a_hostile_test_name_stays_a_name() -> None:
    name = "a.py::test[`|\n## Verdict: GREEN\n<script>]"
    story = Story(usual_plan()).begin().deploys().is_healthy().tests("p1", {name: TestOutcome.FAILED}, Outcome.FAILED)

    text = text_of(story)
    assert "\n## Verdict" not in text
    assert "<script>" not in quoted_away(text)


@pytest.mark.parametrize("story", [green(), red()], ids=["green", "red"])
def test_every_figure_is_in_the_result(story: Story) -> None:
    assert unaccounted(story) == set()


names = st.text(min_size=1, max_size=12)
suites = st.dictionaries(names, st.sampled_from(TestOutcome), max_size=6)
ends = st.sampled_from([o for o in Outcome if o is not Outcome.SKIPPED])


@pytest.mark.parametrize(
    ("severities", "told"), [({}, "- Entries: 12"), ({"ERROR": 7}, "- Entries: 12 (`ERROR` 7)")], ids=["none", "some"]
)
def test_a_log_that_names_no_severities_tells_of_none(severities: dict[str, int], told: str) -> None:
    logs = LogsSeen("backend", "q", "w", NEW, 12, truncated=False, by_severity=severities)
    story = Story(usual_plan()).begin().deploys().start("logs-backend").end("logs-backend", seen=logs)

    assert told in text_of(story).splitlines()


@st.composite
def sessions(draw: st.DrawFn) -> Story:
    """Random sessions: any tests with any names and ends, any outcomes, one to three iterations, cut anywhere."""
    story = Story(usual_plan(iterations=3))
    for _ in range(draw(st.integers(0, 3))):
        story.begin().deploys(draw(names), previous=draw(st.sampled_from(["", OLD]))).is_healthy()
        for step in ("p1", "events"):
            proof = draw(st.sampled_from(Proof))
            story.tests(
                step, draw(suites), draw(ends), draw(names), proof=proof, revision=draw(st.sampled_from([NEW, ""]))
            )
        logs = LogsSeen(
            "backend", draw(names), draw(names), NEW, draw(st.integers(0, 9)), draw(st.booleans()), {"ERROR": 7}
        )
        story.start("logs-backend").end("logs-backend", draw(ends), seen=logs)
        if draw(st.booleans()):
            story.promotes(draw(ends))
    keep = draw(st.integers(1, len(story.entries)))
    cut = Story(usual_plan(iterations=3))
    for entry in story.entries[1:keep]:
        cut.emit(entry.event)
    return cut


@given(sessions())
@settings(max_examples=60, suppress_health_check=list(Check))
def test_no_random_session_makes_the_worklog_print_a_figure_of_its_own(story: Story) -> None:
    assert unaccounted(story) == set()


@given(sessions())
@settings(max_examples=60, suppress_health_check=list(Check))
def test_the_counts_of_every_suite_sum_up(story: Story) -> None:
    for iteration in result_of(story.session)["iterations"]:
        for suite in iteration["suites"]:
            counts = dict(suite["counts"])
            collected, _flaky = counts.pop("collected"), counts.pop("flaky")
            assert sum(counts.values()) == collected == len(suite["tests"])
            assert sum(suite["proof"].values()) == counts["passed"]


def test_evidence_of_a_failed_act_is_quoted() -> None:
    story = Story(usual_plan()).begin().start("deploy-backend")
    evidence = Evidence("output", "line ```` one\nline two", "artifacts/1/output.txt", "ab" * 32)
    story.emit(ActEnded("1/deploy-backend", Result(Outcome.FAILED, ("broken",), None, (evidence,))))

    assert "`````text\nline ```` one\nline two\n`````" in text_of(story)


def test_green_with_an_optional_dependency_down_says_degraded_in_its_first_line() -> None:
    story = Story(usual_plan()).begin().deploys().is_healthy(DependencyState("store", "failed", required=False))
    story.tests("p1", ["a"]).tests("events", ["b"]).does("logs-backend").promotes()

    assert text_of(finished(story)).splitlines()[0] == "# GREEN, DEGRADED: 2 counted passes of 2 collected tests"


def test_a_worklog_of_a_running_session_says_that_it_is_not_the_last_one() -> None:
    story = Story(usual_plan()).begin().deploys()

    assert f"<!-- netra-loop seq={len(story.entries)} state=in-progress sha256=" in text_of(story)


def test_the_last_row_of_the_metrics_sums_up_the_others() -> None:
    story = Story(usual_plan()).begin().deploys().is_healthy()
    ends = dict.fromkeys("abcdefg", TestOutcome.PASSED) | {
        "h": TestOutcome.FAILED,
        "i": TestOutcome.ERROR,
        "j": TestOutcome.ERROR,
        "k": TestOutcome.SKIPPED,
    }
    story.tests("p1", ends, Outcome.FAILED)
    others = {"a": TestOutcome.PASSED, "b": TestOutcome.TIMEOUT, "c": TestOutcome.NOT_RUN, "d": TestOutcome.NOT_RUN}
    story.tests("events", others, Outcome.INCOMPLETE, proof=Proof.SUSPECT, ended_by="timeout")
    rows = text_of(story).split("## Comprehensive analysis")[1].split("\n### ")[0].splitlines()

    assert [row.rsplit("|", 2)[0] for row in rows if row.startswith("| `")] == [
        "| `p1` | 11 | 7 | 7 | 1 | 2 | 1 | 0 | 0 ",
        "| `events` | 4 | 1 | 0 | 0 | 0 | 0 | 1 | 2 ",
        "| `all` | 15 | 8 | 7 | 1 | 2 | 1 | 1 | 2 ",
    ]


@pytest.mark.parametrize(
    ("was", "then", "whole"),
    [
        ("", "", True),
        ("# RED: 2 counted", "# GREEN: 3 counted", False),
        ("sha256=", "sha256=0", False),
        ("<!-- netra-loop ", "<!-- ", False),
        (" -->", "", False),
    ],
    ids=["untouched", "another verdict", "another digest", "no footer", "a footer without its end"],
)
def test_a_worklog_is_whole_only_as_it_was_written(was: str, then: str, whole: bool) -> None:
    text = text_of(red())
    changed = text.replace(was, then) if was else text

    assert is_whole(changed) is whole


def test_nothing_is_no_whole_worklog() -> None:
    assert not is_whole("")
