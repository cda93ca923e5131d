"""The plan and configuration that come with the project."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_loop.adapters.planfile import DEFAULT_PLAN, known_environments, load_plan
from netra_loop.core.environment import RemedyMode
from netra_loop.core.errors import PlanError
from netra_loop.core.plan import Kind

PROJECT = Path(__file__).parents[3]
LINES = (PROJECT / DEFAULT_PLAN).read_text("utf-8").splitlines()
KEYS = [(number, match) for number, line in enumerate(LINES) if (match := re.match(r" *(?:- )?(\w+):(?= |$)", line))]


def test_the_shipped_plan_controls_deploys_looks_tests_and_reads_logs() -> None:
    plan = load_plan(PROJECT)
    assert [(phase.id, phase.needs) for phase in plan.phases] == [
        ("control", ()),
        ("deploy", ()),
        ("health", ("deploy",)),
        ("critical", ("health",)),
        ("broad", ("critical",)),
        ("logs", ("broad",)),
    ]
    assert Counter(step.kind for step in plan.steps) == {
        Kind.DEPLOY: 3,
        Kind.HEALTH: 3,
        Kind.WEBSOCKET: 1,
        Kind.SUITE: 7,
        Kind.CONTROL: 7,
        Kind.LOGS: 3,
    }
    assert (plan.budget.wall, plan.budget.iterations, plan.budget.remedies) == (8 * 3600, 5, 10)
    assert (plan.selected, plan.focus, plan.remedies) == (frozenset(), "all", RemedyMode.APPLY)


def test_the_shipped_suites_declare_as_many_tests_as_they_have() -> None:
    for suite in load_plan(PROJECT).suites:
        files = [file for path in suite.paths for file in (PROJECT / suite.cwd / path).glob("test_*.py")]
        written = sum(
            len(re.findall(r"^(?:async )?def test_", file.read_text("utf-8"), re.MULTILINE)) for file in files
        )
        assert written == suite.declared_tests


def test_the_shipped_environment_is_known() -> None:
    assert "local" in known_environments(PROJECT)


def test_words_of_a_focus_select_in_the_shipped_plan() -> None:
    plan = load_plan(PROJECT)
    side_by_side = {"websocket-events", "agent-pipeline", "message-flow"}
    suites = {"websocket": {"p1-critical", *side_by_side}, "auth": {"p1-critical"}, "P2": side_by_side}
    for word, expected in suites.items():
        assert plan.focused(word).selected & {suite.id for suite in plan.suites} == expected


def test_loading_imports_nothing_that_it_does_not_need() -> None:
    code = (
        "import sys, pathlib, netra_loop.adapters.planfile as planfile\n"
        "early = {'yaml', 'pydantic'} & set(sys.modules)\n"
        "planfile.load_plan(pathlib.Path(sys.argv[1]))\n"
        "late = {'google', 'httpx', 'rich', 'typer', 'websockets', 'anyio'} & set(sys.modules)\n"
        "sys.exit(f'{early} {late}' if early or late else 0)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(PROJECT)], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@st.composite
def misspelt_keys(draw: st.DrawFn) -> tuple[int, str, str, str]:
    """A line of the plan, its key, the key with one character wrong, and the line with that key."""
    number, match = draw(st.sampled_from(KEYS))
    key = match[1]
    position = draw(st.integers(0, len(key) - 1))
    letter = draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz_").filter(lambda letter: letter != key[position]))
    rest = draw(st.sampled_from([letter + key[position:], letter + key[position + 1 :], key[position + 1 :]]))
    wrong = key[:position] + rest
    line = LINES[number]
    return number, key, wrong, line[: match.start(1)] + wrong + line[match.end(1) :]


@given(misspelt_keys())
def test_a_key_with_one_wrong_character_is_found_and_the_right_one_suggested(
    tmp_path_factory: pytest.TempPathFactory, misspelt: tuple[int, str, str, str]
) -> None:
    number, key, wrong, line = misspelt
    plan_file = tmp_path_factory.getbasetemp() / "misspelt.yaml"
    plan_file.write_text("\n".join([*LINES[:number], line, *LINES[number + 1 :]]), "utf-8")
    with pytest.raises(PlanError) as raised:
        load_plan(PROJECT, plan_file)
    (mistake,) = raised.value.mistakes
    assert (mistake.line, mistake.column) == (number + 1, line.index(f"{wrong}:") + 1)
    assert (mistake.message, mistake.hint) == (f"unknown key '{wrong}'", f"did you mean '{key}'?")


@given(st.data())
def test_a_damaged_file_is_loaded_or_refused_but_nothing_else_happens(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    text = "\n".join(LINES)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    noise = data.draw(st.text(alphabet="\t\n -?:,[]{}#&*!|>'\"%@`<=a0é\u202e\x00\\", max_size=12))
    plan_file = tmp_path_factory.getbasetemp() / "damaged.yaml"
    plan_file.write_text(text[:start] + noise + text[end:], "utf-8")
    try:
        load_plan(PROJECT, plan_file)
    except PlanError as error:
        assert all(mistake.file for mistake in error.mistakes)
        assert len(set(error.mistakes)) == len(error.mistakes)
