"""Each fault of the seed's day alone, as a whole session: exactly its tests are red, and it is named for what it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.day.day import FAULTS, check_faults, day_project
from tests.small_project import Project


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Iterator[Project]:
    with day_project(tmp_path_factory.mktemp("day") / "project", compiled) as project:
        yield project


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_alone_makes_exactly_its_tests_red_and_is_named(day: Project, fault: str) -> None:
    check_faults(day, frozenset({fault}))
