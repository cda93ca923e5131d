"""What earlier sessions saw stands in result.json and worklog, all of it from the session's own journal."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import netra_loop.views
from netra_loop.core import codec
from netra_loop.core.events import SessionFinished
from netra_loop.core.outcome import Proof, TestOutcome
from netra_loop.core.past import GoodSession, OpenAction, Past, Sighting, SuitePast
from netra_loop.core.problem import Problem, Why, WhyStatus
from netra_loop.core.session import replay
from netra_loop.core.verdict import conclude
from netra_loop.views.result import result_of
from netra_loop.views.worklog import worklog
from tests.stories import WORK_CUT_OFF, Story, knowing, named, usual_plan

RED, OK = TestOutcome.FAILED, TestOutcome.PASSED
SCHEMA = json.loads((Path(netra_loop.views.__file__).parent / "result.schema.json").read_text(encoding="utf-8"))
PROBLEM = Problem(WORK_CUT_OFF.id, "5" * 16, WORK_CUT_OFF.title, named("p1::a"), (Why("red", WhyStatus.HYPOTHESIS),))
SEEN = Sighting(
    "5" * 16, "s-1", "2025-09-10T08:00:00.000000Z", "s-4", "2025-09-13T08:00:00.000000Z", 3, 2, row_began="s-3"
)
OPEN = OpenAction("red:p1", "immediate", "p1: look at a", "s-2", ("p1::a",))
PAST = Past(
    last_good=GoodSession("s-2", "2025-09-11T08:00:00.000000Z", {"backend": "backend-00007"}),
    sightings=(SEEN,),
    suites=(SuitePast("p1", ("s-4", "s-3"), {"a": "F.", "b": ".."}), SuitePast("events", ("s-3",), {"c": "."})),
    actions=(OPEN, OpenAction("empty:events", "short", "events collected nothing", "s-3", ("events",))),
    skipped=1,
)


def told(past: Past = PAST, a: TestOutcome = RED, *problems: Problem) -> dict[str, Any]:
    """The result of a session whose test `a` ended like this, checked against the schema and against its replay."""
    story = Story(knowing(usual_plan()), past=past).runs({"a": a, "b": OK}, ("c",))
    story.diagnoses(problems=problems or (PROBLEM,))
    story.emit(SessionFinished(conclude(story.session)))
    document = result_of(story.session)
    jsonschema.validate(document, SCHEMA)
    kept = [replace(entry, event=codec.decode(codec.encode(entry.event))) for entry in story.entries]
    again = replay(kept)
    assert again is not None
    assert result_of(again) == document
    return document


def lines(document: dict[str, Any], title: str) -> list[str]:
    """A section of the worklog."""
    section = worklog(document).partition(f"## {title}\n")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line and not line.startswith(("|", "<!--"))]


def test_the_order_of_suites_names_its_history() -> None:
    assert lines(told(), "Test focus selection") == [
        "Order: of the suites of one priority those that were red when they last ran go first, else the plan decides; "
        "tests keep the order of their suite.",
        "From the history of this environment: `p1` red in `s-4`, `events` not red in `s-3`.",
        "Journals of earlier sessions that could not be read: 1.",
    ]


def test_without_history_the_order_is_that_of_the_plan() -> None:
    section = lines(told(Past(trouble="cannot use history.db: no space")), "Test focus selection")

    assert section[1:] == [
        "From the history of this environment: no suite of this session ran before.",
        "The history could not be used: `cannot use history.db: no space`.",
    ]


def sighting(past: Past, *problems: Problem) -> str:
    (line,) = [line for line in worklog(told(past, RED, *problems)).splitlines() if line.startswith("History: ")]
    return line


def test_a_problem_that_nobody_saw_before_is_new() -> None:
    assert sighting(Past()) == "History: new; no earlier session saw it."


def test_a_problem_that_was_there_last_time_recurs_and_is_told_as_such_from_the_third_time_on() -> None:
    document = told()

    assert sighting(PAST) == (
        "History: recurring; seen in 4 sessions, the newest 3 in a row; first 2025-09-10T08:00:00.000000Z in `s-1`, "
        "before this one last 2025-09-13T08:00:00.000000Z in `s-4`."
    )
    recurring = f"- `recurring:{PROBLEM.id}`: `{PROBLEM.id}: recurring for 3 sessions, since s-3: {PROBLEM.title}`"
    assert recurring in lines(document, "Next actions")


def test_a_problem_that_was_gone_in_between_is_fixed_and_back() -> None:
    gone = replace(PAST, sightings=(replace(SEEN, gone_in="s-5"),))

    assert sighting(gone) == (
        "History: fixed and back; seen in 4 sessions, the newest 1 in a row; first 2025-09-10T08:00:00.000000Z in "
        "`s-1`, before this one last 2025-09-13T08:00:00.000000Z in `s-4`, gone in `s-5`."
    )


@pytest.mark.parametrize(
    "past",
    [
        replace(PAST, sightings=(replace(SEEN, gone_in="s-5", same_commit=True),)),
        Past(suites=(SuitePast("p1", ("s-4",), {"a": "~"}),)),
    ],
    ids=["gone at the same commit", "passed on a retry"],
)
def test_a_problem_that_comes_and_goes_without_a_change_is_flaky(past: Past) -> None:
    assert sighting(past).startswith("History: flaky; ")


def test_a_problem_whose_root_cause_is_known_is_not_told_as_flaky() -> None:
    past = replace(PAST, sightings=(replace(SEEN, gone_in="s-5", same_commit=True),))

    assert sighting(past, replace(PROBLEM, root_cause="known")).startswith("History: fixed and back; ")


def test_one_flaky_test_of_several_makes_no_flaky_problem() -> None:
    past = Past(suites=(SuitePast("p1", ("s-4",), {"a": "~"}),))

    assert sighting(past, replace(PROBLEM, tests=named("p1::a", "events::c"))).startswith("History: new; ")


def open_actions(document: dict[str, Any]) -> dict[str, str | None]:
    return {action["id"]: action["since"] for action in document["next_actions"]}


def test_an_open_action_keeps_its_id_and_its_first_session_until_its_tests_pass() -> None:
    document = told()

    assert open_actions(document) == {
        "red:p1": "s-2",
        f"recurring:{PROBLEM.id}": None,
        f"problem:{PROBLEM.id}": None,
        "candidate:backend": None,
    }
    assert "- `red:p1`: `p1: look at a` (open since `s-2`)" in lines(document, "Next actions")


def test_an_open_action_that_no_rule_repeats_stays_when_its_tests_did_not_pass_with_proof() -> None:
    story = Story(usual_plan(), past=PAST).begin().deploys().is_healthy()
    before = open_actions(result_of(story.session))
    assert (before["red:p1"], before["empty:events"]) == ("s-2", "s-3")

    story.tests("p1", ["a", "b"], proof=Proof.UNPROVEN)
    assert "red:p1" in open_actions(result_of(story.session))

    proven = Story(usual_plan(), past=PAST).runs()
    assert {"red:p1", "empty:events"}.isdisjoint(open_actions(result_of(proven.session)))


def test_the_last_good_session_stands_beside_the_one_before() -> None:
    document = told()
    document["previous"] = {"session_id": "s-4"}

    assert lines(document, "Previous session")[0] == (
        "The session before was `s-4`. The last good session of this environment was `s-2`, ended "
        "2025-09-11T08:00:00.000000Z: `backend` `backend-00007`."
    )
