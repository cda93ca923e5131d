"""Suites are asked which tests they have: none is run, nobody is met."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.suites.collecting import Collector
from netra_loop.core.environment import Environment, Users
from netra_loop.core.plan import Suite, SuiteRunner
from netra_loop.core.selection import Collection

SUITE = Suite(
    "api",
    "API",
    "P1",
    ".",
    ("test_api.py",),
    60.0,
    env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    targets=("web-app",),
)
TESTS = """
import os, socket, sys, urllib.request
import pytest

URL = os.environ["WEB_APP_URL"]
assert (os.environ["NETRA_LOOP_USER"], os.environ["NETRA_LOOP_TIMEOUT_LONG_POLL"]) == ("anna", "1.5")
assert os.environ["WEB_APP_WS_URL"] == URL.replace("http", "ws")
with pytest.raises(OSError):
    urllib.request.urlopen(URL, timeout=10)

@pytest.mark.parametrize("n", [1, 2])
def test_one(n): open("it-ran", "w")

def test_two(): open("it-ran", "w")
"""
CASES = {
    "everything": (TESTS, SUITE, ("test_one[1]", "test_one[2]", "test_two"), 0, ()),
    "a part": (TESTS, replace(SUITE, args=("-k", "one")), ("test_one[1]", "test_one[2]"), 1, ("deselected",)),
    "nothing": ("", SUITE, (), 0, ("empty",)),
}


@pytest.fixture
def collect(tmp_path: Path, compiled: Path) -> Collector:
    users = Users(("anna",))
    environment = Environment("local", "embedded", "p", "r", (), users, timeouts={"long-poll": 1.5})
    return Collector(tmp_path, compiled, Redactor(), environment)


def collected(collector: Collector, *suites: Suite) -> tuple[Collection, ...]:
    return anyio.run(collector.collect, suites, 2)


@pytest.mark.parametrize(("source", "suite", "tests", "deselected", "reasons"), CASES.values(), ids=CASES)
def test_what_is_found_is_told(
    collect: Collector,
    tmp_path: Path,
    source: str,
    suite: Suite,
    tests: tuple[str, ...],
    deselected: int,
    reasons: tuple[str, ...],
) -> None:
    (tmp_path / "test_api.py").write_text(source, encoding="utf-8")
    (found,) = collected(collect, suite)

    assert found == Collection(suite, tuple(f"test_api.py::{test}" for test in tests), deselected)
    assert found.reasons == reasons
    assert not (tmp_path / "it-ran").exists()


def test_a_file_that_cannot_be_read_is_named_and_the_other_suites_are_told(collect: Collector, tmp_path: Path) -> None:
    (tmp_path / "test_api.py").write_text("def test_one(:", encoding="utf-8")
    (tmp_path / "test_web.py").write_text("def test_two(): pass", encoding="utf-8")
    web = replace(SUITE, id="web", paths=("test_web.py",))
    broken, whole = collected(collect, SUITE, web)

    assert broken.reasons == ("collection_error",)
    assert broken.errors[0].startswith("test_api.py: ")
    assert "SyntaxError" in broken.errors[0]
    assert whole == Collection(web, ("test_web.py::test_two",), 0)


SILENT = {
    "an interpreter that is none": (replace(SUITE, python="/bin/false"), "", "not_started"),
    "a conftest that cannot be loaded": (SUITE, "raise RuntimeError('no such setting')", "not_started"),
    "a conftest that waits": (replace(SUITE, timeout=0.7), "import time; time.sleep(600)", "timed_out"),
}


@pytest.mark.parametrize(("suite", "conftest", "trouble"), SILENT.values(), ids=SILENT)
def test_a_suite_that_cannot_tell_says_why(
    collect: Collector, tmp_path: Path, suite: Suite, conftest: str, trouble: str
) -> None:
    (tmp_path / "test_api.py").write_text(TESTS, encoding="utf-8")
    (tmp_path / "conftest.py").write_text(conftest, encoding="utf-8")
    (found,) = collected(collect, suite)

    assert found.reasons == (trouble,)
    assert ("no such setting" in "\n".join(found.errors)) == ("RuntimeError" in conftest)


def test_a_suite_that_is_a_command_cannot_tell_before_it_has_run(collect: Collector) -> None:
    suite = replace(SUITE, runner=SuiteRunner.COMMAND, argv=(sys.executable, "-c", "open('it-ran', 'w')"))
    (found,) = collected(collect, suite)

    assert (found, found.reasons) == (Collection(suite), ())
