"""Every case file: what is wrong is told whole and exactly, what is right becomes exactly this plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from netra_loop.adapters.planfile import load_plan
from netra_loop.core.errors import PlanError

from .casefile import CASES, read_case
from .told import told


def cases(kind: str) -> list[object]:
    files = sorted((CASES / kind).glob("*.txt"))
    return [pytest.param(file, id=file.stem.replace("_", " ")) for file in files]


@pytest.mark.parametrize("file", cases("bad"))
def test_every_mistake_is_told_with_its_place_and_what_to_do(file: Path, tmp_path: Path) -> None:
    case = read_case(file)
    with pytest.raises(PlanError) as raised:
        load_plan(case.write(tmp_path))
    assert f"{raised.value}\n" == case.expected


@pytest.mark.parametrize("file", cases("good"))
def test_a_good_plan_is_resolved_to_its_last_default(file: Path, tmp_path: Path) -> None:
    case = read_case(file)
    assert told(load_plan(case.write(tmp_path))) == case.expected


def test_there_are_cases_of_both_kinds() -> None:
    assert len(cases("bad")) >= 35
    assert len(cases("good")) >= 5
