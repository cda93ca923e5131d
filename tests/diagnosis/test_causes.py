"""The shipped causes: the text of a library or the platform leads to its cause, and to none where chance would do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from netra_loop.core.knowledge import Cause
from netra_loop.core.logs import LogsSeen
from netra_loop.diagnosis.diagnose import diagnose
from netra_loop.diagnosis.scene import Passed, Scene
from tests.diagnosis.casefile import CAUSES, CHANCES, read_cause, read_chance, told
from tests.faults.fault import faults
from tests.stories import named

FILES = sorted(CAUSES.glob("*.txt"))
SPARED = [file for file in FILES if "passed:" in file.read_text("utf-8")]  # those that a contrast confirms
LOGGED = [file for file in FILES if "log:" in file.read_text("utf-8")]
SAMPLE_S = {"work-cut-off", "dependency-address", "shared-user"}  # with cases and a day of their own


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_is_written_leads_to_its_cause(file: Path, tmp_path: Path) -> None:
    case = read_cause(file, tmp_path)
    problems, remedies = diagnose(case.knowledge, case.scene)

    assert told(problems, remedies) == case.expected
    assert [problem.id for problem in problems if problem.root_cause] == [file.stem]


@pytest.mark.parametrize("file", SPARED, ids=lambda file: file.stem)
def test_no_cause_is_named_where_a_test_met_the_same_and_passed(file: Path, tmp_path: Path) -> None:
    case = read_cause(file, tmp_path)
    met = Passed(named("p2::test_met")[0], 10.0, 11.0, ("backend",))

    assert _causes(case.knowledge, replace(case.scene, passed=(*case.scene.passed, met))) == []


@pytest.mark.parametrize("file", SPARED, ids=lambda file: file.stem)
def test_no_cause_is_named_where_too_few_tests_passed_on_the_same_service(file: Path, tmp_path: Path) -> None:
    case = read_cause(file, tmp_path)
    elsewhere = tuple(replace(each, targets=("auth",)) for each in case.scene.passed[:1])

    assert _causes(case.knowledge, replace(case.scene, passed=(*elsewhere, *case.scene.passed[1:]))) == []


@pytest.mark.parametrize("file", LOGGED, ids=lambda file: file.stem)
def test_no_cause_is_named_where_it_was_written_while_no_red_test_ran(file: Path, tmp_path: Path) -> None:
    case = read_cause(file, tmp_path)
    later = tuple(replace(entry, at=30.0) for entry in case.scene.entries)

    assert _causes(case.knowledge, replace(case.scene, entries=later)) == []


@pytest.mark.parametrize("file", FILES[:1], ids=lambda file: file.stem)
def test_the_contrast_links_to_the_entry_that_told_the_last_of_the_passes_that_it_names(
    file: Path, tmp_path: Path
) -> None:
    case = read_cause(file, tmp_path)
    passed = tuple(replace(each, entry=40 - number) for number, each in enumerate(case.scene.passed))
    problems, _ = diagnose(case.knowledge, replace(case.scene, passed=passed))

    assert [evidence.entry for evidence in problems[0].whys[-1].evidence] == [40]


@pytest.mark.parametrize("file", sorted(CHANCES.glob("*.txt")), ids=lambda file: file.stem)
def test_what_is_written_by_chance_is_no_cause(file: Path, tmp_path: Path) -> None:
    case = read_chance(file, tmp_path)

    assert case.scene.failures
    assert _causes(case.knowledge, case.scene) == []


@pytest.mark.parametrize("file", SPARED, ids=lambda file: file.stem)
def test_no_cause_is_named_where_the_log_was_cut_off(file: Path, tmp_path: Path) -> None:
    case = read_cause(file, tmp_path)
    cut = LogsSeen("backend", "query", "from/to", "backend-1", 10_000, truncated=True)

    assert _causes(case.knowledge, replace(case.scene, logs=(cut,))) == []


def test_every_shipped_cause_has_a_case_or_a_fault_of_the_sample(tmp_path: Path) -> None:
    known = read_cause(FILES[0], tmp_path).knowledge
    shown = {file.stem for file in FILES} | {fault.cause for fault in faults() if fault.cause}

    assert {cause.id for cause in known} == shown | SAMPLE_S
    assert len(known) >= 25


def _causes(knowledge: tuple[Cause, ...], scene: Scene) -> list[str]:
    """The causes that are claimed."""
    return [problem.root_cause for problem in diagnose(knowledge, scene)[0] if problem.root_cause]
