"""What tests of several folders need."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.small_project import Project, small_project

# No deadlines: the machine may be busy. The same examples every time: main stays green or tells why.
hypothesis.settings.register_profile("ours", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ours")

gc.set_threshold(50_000)  # each worker loads every test, and little of that is ever garbage


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=16, help="how often the crash test kills a session in all")


def pytest_collection_finish() -> None:
    """What was collected stays: nobody needs to look through it for garbage again."""
    gc.freeze()


collect_ignore = ["cases"]  # test projects among them that are run by tests

TOGETHER = (
    "tests/adapters/test_misbehaving.py",
    "tests/cli/test_green.py",
    "tests/day/test_repair.py",
    "tests/evidence/test_assertions.py",
    "tests/evidence/test_contact.py",
    "tests/evidence/test_kernel.py",
    "tests/evidence/test_results.py",
    "tests/gallery/test_gallery.py",
    "tests/localrun/test_gcloud_services.py",
    "tests/localrun/test_jobs_gcloud.py",
    "tests/localrun/test_source_gcloud.py",
    "tests/sample/test_suites.py",
    "tests/views/test_worklog.py",
)
"""Files whose tests read what came of one long run, or what is made once: another worker would make it again."""


def together(nodeid: str) -> str:
    """What a worker is given at once: one of the files above, else a single test."""
    file = nodeid.partition("::")[0]
    return file if file in TOGETHER else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """With several workers, whole files of TOGETHER begin first; everything else is given out test by test."""
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    if config.getoption("dist") != "load":
        return None
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = together
    return scheduler


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled files of what suites import: new for this session, shared by all its workers."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "compiled"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session", autouse=True)
def _folders_of_suites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The temporary folders of suites that tests run are below our own.

    Else the first suite to end clears away what earlier runs of these tests left, which takes longer than it may.
    """
    folder = tmp_path_factory.mktemp("suites")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DEBUG_TEMPROOT", str(folder))
        yield


@pytest.fixture
def project(tmp_path: Path, compiled: Path) -> Iterator[Project]:
    """A project of its own for one test, where suites need not compile pytest first."""
    with small_project(tmp_path / "project", compiled) as found:
        yield found


@pytest.fixture
def untouched(tmp_path: Path) -> Iterator[Project]:
    """A project of its own for one test, as it is before the first command."""
    with small_project(tmp_path / "project") as found:
        yield found


@pytest.fixture(scope="module")
def shared_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project that the tests of a module share, one after the other."""
    with small_project(tmp_path_factory.mktemp("shared") / "project") as found:
        yield found
