"""Which files decide how a suite's tests behave, and what of them changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from netra_loop.adapters.suites.testcode import LARGE, changed, digest_of, suite_files
from netra_loop.core.plan import Suite

SUITE = Suite("api", "API", "P1", "e2e", ("tests/test_a.py::test_one",), 60, args=("--junitxml=tests/out.xml",))
FILES = ("conftest.py", "pytest.ini", "tests/test_a.py", "tests/golden.json", "helpers/deep/http.py", "../conftest.py")
OTHERS = (
    "notes.txt",
    "tests/out.xml",
    "tests/run.log",
    "tests/.hidden.json",
    "tests/__pycache__/test_a.pyc",
    ".git/hook.py",
    "node_modules/x/index.js",
    "htmlcov/coverage_html.js",
    "coverage/lcov-report/sorter.js",
    "playwright-report/trace/app.js",
    "env/lib/site.py",
    "env/pyvenv.cfg",
    "../services/app.py",
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in (*FILES, *OTHERS):
        path = tmp_path / "e2e" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="ascii")
    return tmp_path


def test_code_and_what_lies_beside_the_tests_decides(project: Path) -> None:
    assert set(suite_files(SUITE, project)) == set(FILES)


CHANGES = {
    "a test changed": ("tests/test_a.py", "other", ("tests/test_a.py",)),
    "an expectation was rewritten": ("tests/golden.json", "other", ("tests/golden.json",)),
    "a test is gone": ("tests/test_a.py", None, ("tests/test_a.py",)),
    "a test was written": ("tests/test_new.py", "new", ("tests/test_new.py",)),
    "a helper was written": ("helpers/new.py", "new", ("helpers/new.py",)),
    "what every suite shares was rewritten": ("../conftest.py", "other", ("../conftest.py",)),
    "a report was left": ("tests/out.xml", "new", ()),
    "a new picture was left": ("tests/seen.png", "new", ()),
    "compiled files were left": ("tests/__pycache__/test_b.pyc", "new", ()),
}


@pytest.mark.parametrize(("name", "content", "told"), CHANGES.values(), ids=CHANGES)
def test_what_changed_is_named(project: Path, name: str, content: str | None, told: tuple[str, ...]) -> None:
    before = suite_files(SUITE, project)
    path = project / "e2e" / name
    path.unlink() if content is None else path.write_text(content, encoding="ascii")
    after = suite_files(SUITE, project)

    assert changed(before, after) == told
    assert (digest_of(before) == digest_of(after)) == (before == after)


def test_a_large_file_is_known_by_its_size_and_time(project: Path) -> None:
    path = project / "e2e" / "tests" / "large.bin"
    path.write_bytes(b"0" * (LARGE + 1))
    before = suite_files(SUITE, project)
    os.utime(path, (1, 1))

    assert changed(before, suite_files(SUITE, project)) == ("tests/large.bin",)


def test_a_file_that_cannot_be_followed_is_no_obstacle(project: Path) -> None:
    (project / "e2e" / "tests" / "dangling.py").symlink_to("nowhere.py")

    assert set(suite_files(SUITE, project)) == set(FILES)
