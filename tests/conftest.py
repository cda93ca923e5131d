"""What tests of several folders need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.small_project import Project, small_project

# No deadlines: the machine may be busy. The same examples every time: main stays green or tells why.
hypothesis.settings.register_profile("ours", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ours")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=20, help="how often the crash test kills a session in all")
    parser.addoption("--day-kills", type=int, default=1, help="how often the sample's session is killed")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project of its own for one test."""
    with small_project(tmp_path / "project") as found:
        yield found


@pytest.fixture(scope="module")
def shared_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project that the tests of a module share, one after the other."""
    with small_project(tmp_path_factory.mktemp("shared") / "project") as found:
        yield found
