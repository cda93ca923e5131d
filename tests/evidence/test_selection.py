"""Only the tests that were asked for run, whatever else the suite's files hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .suites import Suite, Told

SUITE = """
    import pytest

    def test_first(): assert True
    def test_second(): assert False

    class TestGroup:
        def test_in_a_class(self): assert True

    @pytest.mark.parametrize("text", ["a", "a b", "c::d", "\\N{SNOWMAN}"])
    def test_each(text): assert True
"""
ALL = [
    "test_it.py::test_first",
    "test_it.py::test_second",
    "test_it.py::TestGroup::test_in_a_class",
    "test_it.py::test_each[a]",
    "test_it.py::test_each[a b]",
    "test_it.py::test_each[c::d]",
    "test_it.py::test_each[\\u2603]",
]


@pytest.fixture
def only(told: Callable[..., Told], tmp_path: Path) -> Callable[..., Told]:
    """Run the suite, and of it only the tests of these ids."""
    selection = tmp_path / "selection.json"

    def run(ids: object, *args: str, source: str = SUITE) -> Told:
        selection.write_text(json.dumps(ids), encoding="utf-8")
        return told(source, *args, env={"NETRA_LOOP_EVIDENCE_SELECT": str(selection)})

    return run


def collected(run: Told) -> list[str]:
    return [test for line in run.of_kind("collected") for test in line["ids"]]


def test_only_the_named_tests_run_in_the_order_of_the_suite_and_the_others_are_counted(
    only: Callable[..., Told],
) -> None:
    run = only([ALL[2], ALL[0]])

    assert run.the("collection_ended") == {
        "kind": "collection_ended",
        "count": 2,
        "deselected": 5,
        "errors": [],
        "errors_left_out": 0,
    }
    assert collected(run) == [ALL[0], ALL[2]]
    assert run.outcomes() == [("test_first", "passed"), ("TestGroup::test_in_a_class", "passed")]
    assert run.exit_code == pytest.ExitCode.OK


def test_a_red_test_that_is_named_is_red(only: Callable[..., Told]) -> None:
    run = only([ALL[1]])

    assert run.outcomes() == [("test_second", "failed")]
    assert run.exit_code == pytest.ExitCode.TESTS_FAILED


def test_everything_can_be_named(only: Callable[..., Told]) -> None:
    run = only(ALL)

    assert collected(run) == ALL
    assert run.the("collection_ended")["deselected"] == 0


def test_of_several_parameters_only_the_named_run(only: Callable[..., Told]) -> None:
    run = only([ALL[6], ALL[4], ALL[5]])

    assert collected(run) == [ALL[4], ALL[5], ALL[6]]
    assert run.the("collection_ended")["deselected"] == 4


def test_what_is_no_test_of_the_suite_selects_nothing(only: Callable[..., Told]) -> None:
    run = only(
        ["test_it.py::test_gone", "test_it.py::test_fir", "test_first", "test_it.py", "test_it.py::test_each", "", 7]
    )

    assert run.kinds == ["hello", "collection_ended", "ended"]
    assert (run.the("collection_ended")["count"], run.the("collection_ended")["deselected"]) == (0, 7)
    assert run.exit_code == pytest.ExitCode.NO_TESTS_COLLECTED


def test_an_unknown_name_takes_nothing_from_the_known(only: Callable[..., Told]) -> None:
    assert collected(only(["test_it.py::test_gone", ALL[0]])) == [ALL[0]]


def test_a_filter_of_the_suite_itself_still_holds(only: Callable[..., Told]) -> None:
    run = only([ALL[0], ALL[2]], "-k", "first")

    assert collected(run) == [ALL[0]]
    assert run.the("collection_ended")["deselected"] == 6


def test_the_order_that_a_suite_gives_itself_is_kept(suite: Suite, only: Callable[..., Told]) -> None:
    suite.write("conftest.py", "def pytest_collection_modifyitems(items): items.reverse()\n")

    assert collected(only([ALL[0], ALL[2], ALL[3]])) == [ALL[3], ALL[2], ALL[0]]


def test_what_the_others_need_is_not_set_up(only: Callable[..., Told]) -> None:
    run = only(
        ["test_it.py::test_cheap"],
        source="""
            import pytest

            @pytest.fixture(scope="session")
            def expensive(): raise RuntimeError("set up")

            def test_cheap(): assert True
            def test_expensive(expensive): assert True
        """,
    )

    assert run.outcomes() == [("test_cheap", "passed")]


def test_workers_run_only_the_named_tests_and_the_controller_tells_them_once(only: Callable[..., Told]) -> None:
    run = only([ALL[2], ALL[0], "test_it.py::test_gone"], "-p", "xdist.plugin", "-n2")

    assert run.the("hello")["xdist"] is True
    assert collected(run) == [ALL[0], ALL[2]]
    assert run.the("collection_ended")["count"] == 2
    assert sorted(run.outcomes()) == [("TestGroup::test_in_a_class", "passed"), ("test_first", "passed")]
    assert run.exit_code == pytest.ExitCode.OK


def test_a_session_that_a_test_starts_in_turn_runs_everything(only: Callable[..., Told]) -> None:
    run = only(
        ["test_it.py::test_outer"],
        source="""
            import subprocess, sys

            def test_outer(tmp_path):
                (tmp_path / "test_inner.py").write_text("def test_one(): pass\\ndef test_two(): pass\\n")
                command = [sys.executable, "-m", "pytest", "-q", "-p", "netra_loop_evidence", str(tmp_path)]
                told = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
                assert "2 passed" in told.stdout, told.stdout
        """,
    )

    assert run.outcomes() == [("test_outer", "passed")]


@pytest.mark.parametrize("content", [None, "{"], ids=["not there", "no JSON"])
def test_a_selection_that_cannot_be_read_runs_nothing(
    told: Callable[..., Told], tmp_path: Path, content: str | None
) -> None:
    selection = tmp_path / "selection.json"
    if content is not None:
        selection.write_text(content)
    run = told("def test_it(): assert True", env={"NETRA_LOOP_EVIDENCE_SELECT": str(selection)})

    assert run.exit_code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    assert run.of_kind("started") == []
