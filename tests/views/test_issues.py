"""What is left for a person stands ready for an issue tracker, and what was repaired is not among it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from netra_loop.core.environment import RemedyMode
from netra_loop.core.events import SessionFinished
from netra_loop.core.outcome import Outcome, TestOutcome
from netra_loop.core.problem import Evidence, Problem, Receipt, Why, WhyStatus
from netra_loop.core.verdict import conclude
from netra_loop.views.issues import issues
from netra_loop.views.result import result_of
from tests.stories import NEW, Story, knowing, named, patching, usual_plan

RED = {"a": TestOutcome.FAILED, "b": TestOutcome.PASSED}
SEEN = Why("The image lacks it", WhyStatus.CONFIRMED, (Evidence("log", "3: no such file", "artifacts/backend.txt"),))
KNOWN = Problem("missing-file", "s" * 16, "The image lacks a file", named("p1::a"), (SEEN,), "The image lacks a file")
UNKNOWN = Problem(
    "unexplained-1",
    "t" * 16,
    "Unexplained: <script>",
    named("p1::a"),
    (Why("Why is not known", WhyStatus.HYPOTHESIS, undecided="the output of the tests"),),
)


def red(*problems: Problem, mode: RemedyMode = RemedyMode.APPLY) -> Story:
    return Story(knowing(usual_plan(3), mode)).runs(RED).diagnoses(patching("r1", "p1::a"), problems=problems)


def told(story: Story) -> str:
    return issues(result_of(story.session))


def test_a_problem_that_is_left_is_told_with_labels_evidence_and_what_was_tried() -> None:
    text = told(red(KNOWN, mode=RemedyMode.OFF))

    assert text.startswith("# `The image lacks a file`\n\nLabels: `netra-loop`, `local`, `missing-file`, `confirmed`\n")
    for part in ("3: no such file", "artifacts/backend.txt", "`patch`", "remedies are off", f"- `backend`: `{NEW}`"):
        assert part in text


def test_what_is_unknown_says_so_and_where_to_look_next() -> None:
    text = told(red(UNKNOWN))

    assert "`unknown`" in text.splitlines()[2]
    assert text.rstrip().endswith("- `the output of the tests`")


def test_each_problem_has_an_issue_of_its_own() -> None:
    assert titles(red(KNOWN, UNKNOWN)) == ["# `The image lacks a file`", "# `Unexplained: <script>`"]


def test_a_diff_that_a_person_must_look_at_is_told_with_the_reason() -> None:
    cheat = Receipt("r1", {}, {}, violations=("tests/test_a.py: a test is skipped",))
    text = told(red(KNOWN).does("cure-r1", Outcome.FAILED, "a person must look at it first", seen=cheat))

    assert "needs_review" in text
    assert "tests/test_a.py: a test is skipped" in text


def titles(story: Story) -> list[str]:
    return [line for line in told(story).splitlines() if line.startswith("# ")]


def finished(story: Story) -> Story:
    return story.emit(SessionFinished(conclude(story.session)))


def test_what_a_remedy_has_repaired_is_no_issue_any_more() -> None:
    story = red(KNOWN).cures("r1").runs(["a", "b"], verifies={"p1": ["a"]}, revision="newer", changes=("r1",))

    assert told(story) == "The session has not ended; so far it knows of no problem without a verified remedy.\n"
    assert told(finished(story)) == "GREEN, and no problem that was found is without a verified remedy.\n"


LEFT: dict[str, Callable[[], Story]] = {
    "was applied and nothing more": lambda: red(KNOWN).cures("r1").begin(),
    "was deployed and not verified": lambda: red(KNOWN).cures("r1").runs(["a", "b"], revision="newer", changes=("r1",)),
    "was of no use, which nobody has diagnosed yet": lambda: (
        red(KNOWN).cures("r1").runs(RED, verifies={"p1": RED}, revision="newer", changes=("r1",))
    ),
}


@pytest.mark.parametrize("tell", LEFT.values(), ids=LEFT)
def test_a_problem_is_left_whose_remedy(tell: Callable[[], Story]) -> None:
    assert titles(tell()) == titles(finished(tell())) == ["# `The image lacks a file`"]


def test_a_session_that_is_red_and_knows_no_problem_is_an_issue_itself() -> None:
    story = finished(Story(usual_plan(1)).runs(RED))
    text = told(story)

    assert titles(story) == ["# `p1 failed`"]
    assert "Labels: `netra-loop`, `local`, `undiagnosed`" in text
    assert "- verdict RED\n" in text
    assert "## What to do next\n\n- `p1: look at a`\n" in text


def test_what_was_known_before_a_remedy_that_was_taken_back_stands_for_what_is_not_known_after_it() -> None:
    story = red(KNOWN).cures("r1").runs(RED, verifies={"p1": RED}, revision="newer", changes=("r1",)).undoes("r1")
    story.diagnoses(problems=(UNKNOWN,))

    assert titles(story) == ["# `The image lacks a file`"]
    assert "rolled_back" in told(story)
