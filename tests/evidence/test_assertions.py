"""Whose assertions count, and whether they can be counted at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .suites import Suite, Told

COUNTED = [
    ("statements", "assert 1; assert 2", 2),
    ("pytest.raises", "with pytest.raises(ValueError): int('x')", 1),
    ("pytest.raises that another error passes through", "pytest_raises_nothing()", 0),
    ("unittest's own, built of others", "case.assertEqual([1, [2]], [1, [2]]); case.assertEqual('a', 'a')", 2),
    ("unittest's raises, called", "case.assertRaises(ValueError, int, 'x')", 1),
    ("unittest's raises, as a context", "with case.assertRaises(ValueError): int('x')", 1),
    ("an assertion that failed and was caught", "unittest_fails()", 0),
    ("those of the project's own helper", "helper.check()", 1),
    ("those of an installed package", "package.check()", 0),
]

PRELUDE = """\
import helper, package, pytest, unittest

case = unittest.TestCase()

def pytest_raises_nothing():
    try:
        with pytest.raises(ValueError):
            {}["x"]
    except KeyError:
        pass

def unittest_fails():
    try:
        case.assertTrue(False)
    except AssertionError:
        pass

"""

CONFTEST = """\
import pathlib, pytest, sys
sys.path.append(str(pathlib.Path(__file__).parent / "site-packages"))
pytest.register_assert_rewrite("helper", "package")
"""


@pytest.fixture(scope="session")
def asserted(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Told:
    suite = Suite(tmp_path_factory.mktemp("assertions") / "project", compiled)
    suite.write("conftest.py", CONFTEST)
    suite.write("helper.py", "def check(): assert True\n")
    suite.write("site-packages/package.py", "def check(): assert True\n")
    tests = [f"def test_{number}():\n    {body}\n" for number, (_, body, _) in enumerate(COUNTED)]
    suite.write("test_it.py", PRELUDE + "".join(tests))
    return suite.run()


@pytest.mark.parametrize(
    ("number", "asserts"), [(n, count) for n, (_, _, count) in enumerate(COUNTED)], ids=[c[0] for c in COUNTED]
)
def test_only_assertions_the_suite_itself_makes_are_counted(asserted: Told, number: int, asserts: int) -> None:
    result = asserted.result(f"test_it.py::test_{number}")

    assert (result["outcome"], result["facts"]["asserts"]) == ("passed", asserts)


def test_a_suite_run_as_asked_has_its_assertions_counted(asserted: Told) -> None:
    assert (asserted.the("hello")["asserts"], asserted.the("hello")["optimised"]) == ("counted", False)


@pytest.mark.parametrize(
    ("args", "env", "optimised"),
    [
        ([], {"PYTHONOPTIMIZE": "1"}, True),
        (["--assert=plain"], {}, False),
        (["-p", "no:assertion"], {}, False),
        (["-o", "enable_assertion_pass_hook=false"], {}, False),
    ],
    ids=["asserts compiled away", "asserts left plain", "a pytest without them", "the hook turned off again"],
)
def test_assertions_that_cannot_be_counted_are_admitted(
    told: Callable[..., Told], args: list[str], env: dict[str, str], optimised: bool
) -> None:
    hello = told("def test_it(): assert True", *args, env=env).the("hello")

    assert (hello["asserts"], hello["optimised"]) == ("not_counted", optimised)
