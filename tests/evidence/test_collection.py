"""What was collected is told before anything runs, so that a test that never ran is missed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .suites import Suite, Told


def test_ids_come_in_chunks_of_two_hundred(told: Callable[..., Told]) -> None:
    run = told("""
        import pytest

        @pytest.mark.parametrize("number", range(450))
        def test_it(number): assert True
    """)
    chunks = [line["ids"] for line in run.of_kind("collected")]

    assert [len(chunk) for chunk in chunks] == [200, 200, 50]
    assert [test for chunk in chunks for test in chunk] == [f"test_it.py::test_it[{n}]" for n in range(450)]
    assert run.the("collection_ended") == {
        "kind": "collection_ended",
        "count": 450,
        "deselected": 0,
        "errors": [],
        "errors_left_out": 0,
    }


def test_long_ids_make_more_lines_instead_of_longer_ones(suite: Suite, told: Callable[..., Told]) -> None:
    run = told("""
        import pytest

        @pytest.mark.parametrize("text", [f"{number}" + "\\N{SNOWMAN}" * 1_000 for number in range(30)])
        def test_it(text): assert True
    """)

    assert sum(len(line["ids"]) for line in run.of_kind("collected")) == 30
    assert max(len(line) for line in suite.stream.read_bytes().splitlines()) < 48 * 1024


def test_what_cannot_be_collected_is_an_error_with_its_reason(suite: Suite, told: Callable[..., Told]) -> None:
    suite.write("test_broken.py", "import a_module_that_is_not_there\n")
    run = told("def test_it(): assert True", "--continue-on-collection-errors")
    ended = run.the("collection_ended")
    (error,) = ended["errors"]

    assert ended["count"] == 1
    assert error["id"] == "test_broken.py"
    assert error["message"].endswith("No module named 'a_module_that_is_not_there'")
    assert run.outcomes() == [("test_it", "passed")]


def test_an_empty_collection_is_told_as_empty(told: Callable[..., Told]) -> None:
    run = told("")

    assert run.kinds == ["hello", "collection_ended", "ended"]
    assert run.the("collection_ended")["count"] == 0
    assert run.the("ended")["exit"] == pytest.ExitCode.NO_TESTS_COLLECTED


def test_what_a_filter_takes_away_is_counted_and_not_collected(told: Callable[..., Told]) -> None:
    run = told("def test_this(): assert True\ndef test_that(): assert True\n", "-k", "this")

    assert run.the("collected")["ids"] == ["test_it.py::test_this"]
    assert (run.the("collection_ended")["count"], run.the("collection_ended")["deselected"]) == (1, 1)
    assert run.outcomes() == [("test_this", "passed")]
