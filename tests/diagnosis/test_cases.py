"""Every case file: what is known and what was seen lead to exactly these problems, whys and remedies."""

from __future__ import annotations

from pathlib import Path

import pytest

from netra_loop.diagnosis.diagnose import diagnose

from .casefile import CASES, read_case, told

FILES = sorted(file for file in CASES.glob("*.txt") if file.name != "base.txt")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem.replace("_", " "))
def test_what_was_seen_is_diagnosed(file: Path, tmp_path: Path) -> None:
    case = read_case(file, tmp_path)

    assert told(*diagnose(case.knowledge, case.scene)) == case.expected


def test_there_are_cases() -> None:
    assert len(FILES) >= 20
