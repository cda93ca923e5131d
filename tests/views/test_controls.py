"""Negative controls in the worklog, in the result and among the next actions."""

from __future__ import annotations

import pytest

from netra_loop.core.outcome import Outcome, TestOutcome
from netra_loop.core.seen import ControlSeen
from netra_loop.views.result import result_of
from netra_loop.views.sessions import still_passing_lines
from netra_loop.views.worklog import worklog
from tests.stories import Story, usual_plan

PASSED, FAILED = TestOutcome.PASSED, TestOutcome.FAILED
NOTICED = ControlSeen("p1", "d" * 32, False, {"a.py::a": FAILED}, {"a.py::a": FAILED})
UNNOTICED = ControlSeen(
    "p1",
    "d" * 32,
    True,
    {"a.py::a": FAILED, "a.py::b": PASSED, "a.py::c": FAILED},
    {"a.py::a": FAILED, "a.py::b": PASSED, "a.py::c": PASSED},
)


def controlled(seen: ControlSeen | None, outcome: Outcome = Outcome.FAILED) -> Story:
    story = Story(usual_plan().controlled(["p1"])).begin().start("control-p1")
    return story.end("control-p1", outcome, seen=seen) if seen else story


def section(story: Story) -> list[str]:
    """The worklog's lines about the control's act."""
    lines = worklog(result_of(story.session)).splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("**`control-p1`**"))
    last = next(number for number, line in enumerate(lines) if number > first and line.startswith("## "))
    return [line for line in lines[first + 1 : last] if line]


def test_the_worklog_names_every_test_that_still_passes() -> None:
    assert section(controlled(UNNOTICED)) == [
        f"- tests against a dead target: 3, against a sabotaged target: 3; kept from the last time that the tests "
        f"were the same, digest `{'d' * 32}`",
        "| Test that still passes | Target |",
        "|---|---|",
        "| `a.py::b` | dead and sabotaged |",
        "| `a.py::c` | sabotaged |",
    ]


def test_the_worklog_says_so_when_every_test_noticed() -> None:
    assert section(controlled(NOTICED, Outcome.PASSED)) == [
        f"- tests against a dead target: 1, against a sabotaged target: 1; run now, digest `{'d' * 32}`",
        "- no test still passes",
    ]


def test_a_control_that_has_not_ended_has_nothing_to_tell() -> None:
    assert section(controlled(None)) == []
    assert still_passing_lines(Story(usual_plan()).session) == []


def test_the_result_holds_every_end_and_the_names() -> None:
    (phase,) = result_of(controlled(UNNOTICED).session)["iterations"][-1]["phases"]
    seen = phase["steps"][0]["seen"]

    assert (seen["suite"], seen["cached"], seen["counts"]) == ("p1", True, {"dead": 3, "sabotaged": 3})
    assert seen["sabotaged"] == {"a.py::a": "failed", "a.py::b": "passed", "a.py::c": "passed"}
    assert seen["still_passing"] == [
        {"id": "a.py::b", "against": ["dead", "sabotaged"]},
        {"id": "a.py::c", "against": ["sabotaged"]},
    ]


def test_each_test_that_still_passes_is_told_on_a_line() -> None:
    assert still_passing_lines(controlled(UNNOTICED).session) == [
        "still passes: p1::a.py::b (target dead and sabotaged)",
        "still passes: p1::a.py::c (target sabotaged)",
    ]


def test_each_test_that_still_passes_is_something_to_do_at_once() -> None:
    actions = result_of(controlled(UNNOTICED).session)["next_actions"]

    assert [(action["horizon"], action["id"], action["text"].partition(" passes ")[2]) for action in actions[1:]] == [
        (
            "immediate",
            "control:p1::a.py::b",
            "although nobody answers: have it meet the target, and fail when it does not",
        ),
        ("immediate", "control:p1::a.py::c", "whatever the target answers: assert on what the answer says"),
    ]


@pytest.mark.parametrize("outcome", [Outcome.ERRORED, Outcome.FAILED], ids=lambda each: each.value)
def test_a_control_that_could_not_run_is_something_to_do_too(outcome: Outcome) -> None:
    story = Story(usual_plan().controlled(["p1"])).begin().does("control-p1", outcome, "dead: not_started")
    ids = [action["id"] for action in result_of(story.session)["next_actions"]]

    assert ("step:control-p1" in ids) == (outcome is Outcome.ERRORED)


@pytest.mark.parametrize(
    ("seen", "headline"),
    [
        (UNNOTICED, "2 of 3 tests still pass without their target"),
        (NOTICED, "0 of 1 tests still pass without their target"),
        (None, "0 of 0 tests still pass without their target"),
    ],
    ids=["some still pass", "all noticed", "not ended"],
)
def test_a_session_of_controls_alone_begins_with_what_still_passes(seen: ControlSeen | None, headline: str) -> None:
    assert worklog(result_of(controlled(seen).session)).splitlines()[0] == f"# IN PROGRESS: {headline}"


def test_a_session_with_suites_begins_with_what_counts() -> None:
    assert result_of(Story(usual_plan()).begin().session)["headline"]["controlled"] is None
