"""Diffs that would turn tests green without a repair are found; repairs are not. Each is a case file."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_loop.adapters.remedies.judge import judge
from netra_loop.core.diff import changes_in
from netra_loop.core.environment import Environment
from netra_loop.core.knowledge import RemedyKind
from netra_loop.core.oracle import LONGEST_EXCERPT, LONGEST_LINE, Rule, kept_for_tests
from netra_loop.core.outcome import Colour, Outcome, TestOutcome
from netra_loop.core.plan import Kind, Phase
from netra_loop.core.policy import Finish, decide
from netra_loop.core.problem import Receipt, Remedy
from tests.stories import BACKEND, Story, knowing, patching, plan_of, step, suite, usual_plan

CASES = Path(__file__).parents[1] / "cases"
CHEATS = sorted((CASES / "cheats").glob("*.txt"))
REPAIRS = sorted((CASES / "repairs").glob("*.txt"))
ENVIRONMENT = Environment("staging", "google", "project", "region", (BACKEND,), protect=("backend/keys/**",))
ACCEPTANCE = replace(suite("acceptance"), cwd="backend/acceptance", paths=("api.py::test_a",))
PLAN = replace(
    plan_of(Phase("p", "P", (step(Kind.SUITE, "p1"),)), suites=(suite("p1"), ACCEPTANCE)), environment=ENVIRONMENT
)
AGENT = Remedy("r1", "unknown", RemedyKind.AGENT, "backend", "source", None, "attempt 1", ())


def case(file: Path) -> tuple[list[str], str]:
    """The rules that a diff breaks, and the diff. `{30 times A}` is written out here, so that no file holds a token."""
    text = file.read_text("utf-8")
    _, _, rest = text.partition("=== rules\n")
    rules, _, diff = rest.partition("\n=== diff\n")
    return [rule for rule in rules.split(", ") if rule], diff.replace("{30 times A}", "A" * 30)


def broken(diff: str, remedy: Remedy = AGENT) -> set[str]:
    """The names of the rules that a diff breaks."""
    told = judge(diff, remedy, PLAN)
    return {rule.name for rule in Rule for reason in told if f": {rule.value}" in reason}


@pytest.mark.parametrize("file", CHEATS, ids=lambda file: file.stem)
def test_a_cheat_needs_a_person(file: Path) -> None:
    rules, diff = case(file)

    assert broken(diff) == set(rules) != set()


@pytest.mark.parametrize("file", CHEATS, ids=lambda file: file.stem)
def test_a_session_in_which_a_cheat_was_tried_ends_with_exit_6_and_deploys_nothing_of_it(file: Path) -> None:
    violations = judge(case(file)[1], AGENT, PLAN)
    story = Story(knowing(usual_plan(3))).runs({"a": TestOutcome.FAILED}).diagnoses(patching("r1", "p1::a"))
    story.does("cure-r1", Outcome.FAILED, *violations, seen=Receipt("r1", {}, {}, violations=violations))
    (move,) = decide(story.session).moves

    assert isinstance(move, Finish)
    assert (move.verdict.colour, move.verdict.exit_code) == (Colour.RED, 6)


@pytest.mark.parametrize("file", REPAIRS, ids=lambda file: file.stem)
def test_a_repair_may_be_tried(file: Path) -> None:
    rules, diff = case(file)

    assert rules == []
    assert changes_in(diff)
    assert judge(diff, AGENT, PLAN) == ()


def test_there_are_cheats_for_every_rule() -> None:
    assert {rule for file in CHEATS for rule in case(file)[0]} == {rule.name for rule in Rule}
    assert len(CHEATS) >= 20
    assert len([file for file in CHEATS if file.stem.startswith("seed_")]) == 3


def test_what_an_environment_protects_is_protected() -> None:
    _, diff = case(CASES / "repairs/file_added.txt")

    assert broken(diff.replace("backend/app/templates", "backend/keys")) == {"PROTECTED"}


PLACES = {
    "a folder of tests in the source": (("backend/checks", ("a.py",)), {"backend/checks", "backend/checks/a.py"}),
    "paths in the source itself": (("backend", ("checks/a.py::test_one",)), {"backend/checks/a.py"}),
    "paths of the whole project": ((".", ("backend/checks",)), {"backend/checks"}),
    "nothing but a folder that holds the source": ((".", ()), set()),
}


@pytest.mark.parametrize(("told", "expected"), PLACES.values(), ids=PLACES)
def test_where_tests_are_and_the_source_is_not(told: tuple[str, tuple[str, ...]], expected: set[str]) -> None:
    where = replace(suite("p1"), cwd=told[0], paths=told[1])

    assert set(kept_for_tests([where], "backend")) == {each + end for each in expected for end in ("", "/**")}


def test_a_service_that_is_the_whole_project_may_be_changed_but_for_its_tests() -> None:
    everything = replace(BACKEND, source=".")
    plan = replace(PLAN, environment=replace(ENVIRONMENT, targets=(everything,)))

    assert judge(case(CASES / "repairs/off_by_one.txt")[1], AGENT, plan) == ()
    assert judge(case(CASES / "cheats/weaker_assertion.txt")[1], AGENT, plan)


def test_what_goes_back_to_a_good_commit_may_change_the_service_and_no_test() -> None:
    back = Remedy("r1", "x", RemedyKind.PATCH, "backend", "source", None, "as of", (), commit="a" * 40)

    assert broken(case(CASES / "cheats/raised_timeout.txt")[1], back) == set()
    assert broken(case(CASES / "cheats/refusal_removed.txt")[1], back) == set()
    assert broken(case(CASES / "cheats/skip_added.txt")[1], back) == {"PROTECTED", "OUTSIDE"}


def test_a_reason_names_file_rule_and_line_in_few_words() -> None:
    (reason,) = judge(case(CASES / "cheats/raised_timeout.txt")[1], AGENT, PLAN)

    assert reason == f"backend/app/calls.py: {Rule.LIMIT.value}: CALL_TIMEOUT = 20.0"
    assert len(reason) < len(Rule.LIMIT.value) + LONGEST_EXCERPT + 40


def test_a_line_that_nobody_reads_is_too_much() -> None:
    head = "diff --git a/backend/a.js b/backend/a.js\n--- a/backend/a.js\n+++ b/backend/a.js\n@@ -1 +1 @@\n"

    assert broken(f"{head}-a\n+{'b' * LONGEST_LINE}\n") == set()
    assert broken(f"{head}-a\n+{'b' * (LONGEST_LINE + 1)}\n") == {"TOO_MUCH"}
    assert broken(f"{head}-{'user = now % 2;' * 100_000}\n+b\n") == set()


NO_DIFF = {
    "words": "the tests are green now",
    "half a hunk": "diff --git a/backend/a b/backend/a\n--- a/backend/a\n+++ b/backend/a\n@@ -1,3 +1,3 @@\n one\n",
    "a rename": "diff --git a/backend/a b/backend/b\nsimilarity index 100%\nrename from backend/a\n",
    "a way out": "diff --git a/backend/../../x b/backend/../../x\nnew file mode 100644\n",
    "a way out in quotes": 'diff --git "a/backend/\\056\\056/x" "b/backend/\\056\\056/x"\nnew file mode 100644\n',
    "the root": "diff --git a//etc/passwd b//etc/passwd\nnew file mode 100644\n",
    "a control character": 'diff --git "a/backend/\\033[2J" "b/backend/\\033[2J"\nnew file mode 100644\n',
    "another name below": "diff --git a/backend/a b/backend/a\n--- a/backend/a\n+++ b/tests/a\n@@ -1 +1 @@\n-1\n+2\n",
    "words after a hunk": "diff --git a/backend/a b/backend/a\n@@ -1 +1 @@\n-one\n+two\nand more\n",
}


@pytest.mark.parametrize("diff", NO_DIFF.values(), ids=NO_DIFF)
def test_what_cannot_be_judged_needs_a_person(diff: str) -> None:
    (reason,) = judge(diff, AGENT, PLAN)

    assert reason.startswith("the diff cannot be judged: ")


def test_a_path_beyond_ascii_is_read_as_it_is() -> None:
    (change,) = changes_in('diff --git "a/backend/gr\\303\\274n" "b/backend/gr\\303\\274n"\nnew file mode 100644\n')

    assert (change.path, change.new_mode) == ("backend/grün", "100644")


@given(
    st.text(max_size=200) | st.lists(st.sampled_from([*NO_DIFF.values(), "@@ -1 +1 @@\n", "-a\n", "+b\n"])).map("".join)
)
def test_nothing_makes_the_judge_fail(diff: str) -> None:
    assert all(re.fullmatch(r".+", reason, re.DOTALL) for reason in judge(diff, AGENT, PLAN))
