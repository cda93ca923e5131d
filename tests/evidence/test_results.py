"""One result for each attempt at a test: its outcome, message, duration and properties."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .suites import Suite, Told

OUTCOMES = """\
import pytest, unittest

def test_passes(): assert True
def test_fails(): assert 1 == 2

@pytest.mark.skip(reason="not today")
def test_is_skipped(): assert False

def test_skips_itself(): pytest.skip("changed its mind")

@pytest.mark.xfail(reason="known bug")
def test_fails_as_expected(): assert False

@pytest.mark.xfail(reason="never run", run=False)
def test_fails_as_expected_unseen(): assert False

@pytest.mark.xfail(reason="known bug", strict=False)
def test_passes_unexpectedly(): assert True

@pytest.mark.xfail(reason="known bug", strict=True)
def test_passes_unexpectedly_and_must_not(): assert True

@pytest.fixture
def broken(): raise RuntimeError("no database")

def test_has_a_broken_setup(broken): assert True

@pytest.fixture
def untidy():
    yield
    raise RuntimeError("left a mess")

def test_has_a_broken_teardown(untidy): assert True
def test_fails_and_has_a_broken_teardown(untidy): assert 1 == 2

class TestOfUnittest(unittest.TestCase):
    def test_fails(self): self.assertEqual(1, 2)
    @unittest.skip("later")
    def test_is_skipped(self): pass
"""

# Where pytest's words are long, the end of the message.
EXPECTED = [
    ("test_passes", "passed", None),
    ("test_fails", "failed", "test_it.py:4: AssertionError"),
    ("test_is_skipped", "skipped", "not today"),
    ("test_skips_itself", "skipped", "changed its mind"),
    ("test_fails_as_expected", "xfailed", "known bug"),
    ("test_fails_as_expected_unseen", "xfailed", "[NOTRUN] never run"),
    ("test_passes_unexpectedly", "xpassed", "known bug"),
    ("test_passes_unexpectedly_and_must_not", "failed", "[XPASS(strict)] known bug"),
    ("test_has_a_broken_setup", "error", "test_it.py:24: RuntimeError"),
    ("test_has_a_broken_teardown", "error", "test_it.py:31: RuntimeError"),
    ("test_fails_and_has_a_broken_teardown", "failed", "test_it.py:34: AssertionError"),
    ("TestOfUnittest::test_fails", "failed", "test_it.py:37: AssertionError"),
    ("TestOfUnittest::test_is_skipped", "skipped", "later"),
]


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Told:
    suite = Suite(tmp_path_factory.mktemp("outcomes") / "project", compiled)
    suite.write("test_it.py", OUTCOMES)
    return suite.run()


@pytest.mark.parametrize(("test", "outcome", "message"), EXPECTED, ids=[test for test, _, _ in EXPECTED])
def test_each_way_a_test_can_end_has_its_outcome_and_its_reason(
    outcomes: Told, test: str, outcome: str, message: str | None
) -> None:
    result = outcomes.result(f"test_it.py::{test}")

    assert result["outcome"] == outcome
    assert result["message"] == message or result["message"].endswith(message)
    assert result["attempt"] == 1


def test_every_test_is_announced_before_its_result_and_the_session_ends_with_pytests_code(outcomes: Told) -> None:
    tests = [line["id"] for line in outcomes.of_kind("result")]

    assert outcomes.kinds == ["hello", "collected", "collection_ended", *["started", "result"] * len(tests), "ended"]
    assert [line["id"] for line in outcomes.of_kind("started")] == tests
    assert (outcomes.the("ended")["exit"], outcomes.exit_code) == (1, 1)


def test_a_failure_tells_where_it_broke_before_it_tells_the_story(outcomes: Told) -> None:
    message = outcomes.result("::test_has_a_broken_setup")["message"]

    assert message.splitlines()[0].endswith("test_it.py:24: RuntimeError: no database")
    assert "def broken()" in message


DURATIONS = """
def pytest_runtest_logreport(report):
    with open("durations.txt", "a") as durations:
        print(report.duration, file=durations)
"""


def test_a_duration_adds_up_setup_call_and_teardown(suite: Suite, told: Callable[..., Told]) -> None:
    suite.write("conftest.py", DURATIONS)
    result = told("def test_it(tmp_path): assert tmp_path.exists()").result("test_it")
    durations = [float(line) for line in (suite.folder / "durations.txt").read_text().splitlines()]

    assert len(durations) == 3
    assert result["duration_s"] == pytest.approx(sum(durations), abs=1e-6)


def test_a_test_that_was_only_set_up_did_not_run(told: Callable[..., Told]) -> None:
    result = told("def test_it(tmp_path): assert True", "--setup-only").result("test_it")

    assert (result["outcome"], result["message"]) == (
        "skipped",
        "pytest was told to set the test up only: its body did not run",
    )


def test_a_long_message_keeps_its_beginning_and_its_end(told: Callable[..., Told]) -> None:
    message = told("""
        def test_it():
            raise ValueError("first " + "x" * 100_000 + " last")
    """).result("test_it")["message"]

    assert len(message) <= 4_000
    assert "ValueError: first x" in message.splitlines()[0]
    assert message.endswith("test_it.py:3: ValueError")


def test_what_no_encoding_can_hold_is_replaced(told: Callable[..., Told]) -> None:
    result = told(r"""
        def test_it(record_property):
            record_property("name \udcff", "value \udcfe")
            raise ValueError("caf\u00e9 \udcff \x00 \U0001f600")
    """).result("test_it")

    assert "ValueError: café ? \x00 😀" in result["message"]
    assert result["properties"] == {"name ?": "value ?"}


def test_properties_become_text_and_stay_bounded(told: Callable[..., Told]) -> None:
    properties = told("""
        def test_it(record_property):
            record_property("requests", 3)
            record_property("body", "x" * 1_000_000)
            record_property("nothing", None)
    """).result("test_it")["properties"]

    assert properties["requests"] == "3"
    assert len("".join(properties.values())) == 8_000


IDS = ["plain", "with [brackets]", "a::b", "line\nbreak", "naïve ☃", "x" * 300, "back\\slash", "tab\t"]


def test_ids_are_pytests_own_to_the_letter(suite: Suite, told: Callable[..., Told]) -> None:
    run = told(
        f"""
        import pytest

        @pytest.mark.parametrize("value", {IDS!r})
        def test_it(value, request):
            with open("ids.txt", "a", encoding="utf-8", newline="") as ids:
                ids.write(request.node.nodeid + chr(0))
    """,
        "-o",
        "disable_test_id_escaping_and_forfeit_all_rights_to_community_support=true",
    )
    ids = (suite.folder / "ids.txt").read_bytes().decode("utf-8").split("\0")[:-1]

    assert len(ids) == len(IDS)
    assert "naïve ☃" in "".join(ids)
    assert run.the("collected")["ids"] == ids
    assert [line["id"] for line in run.of_kind("started")] == ids
    assert [line["id"] for line in run.of_kind("result")] == ids


def test_a_subtest_that_fails_fails_its_test(told: Callable[..., Told]) -> None:
    run = told("""
        import unittest

        class TestIt(unittest.TestCase):
            def test_it(self):
                for number in range(3):
                    with self.subTest(number=number):
                        self.assertNotEqual(number, 1)
    """)

    assert run.result("test_it")["outcome"] == "failed"


RERUNS = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for last in (False, True):
        for report in runtestprotocol(item, nextitem=nextitem, log=False):
            rerun = report.failed and not last
            if rerun:
                report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
            if rerun and {stops}:
                break
    return True
"""


@pytest.mark.parametrize("stops", [True, False], ids=["teardown unpublished", "teardown published"])
def test_each_attempt_of_a_rerun_has_a_result_of_its_own(suite: Suite, told: Callable[..., Told], stops: bool) -> None:
    suite.write("conftest.py", RERUNS.format(stops=stops))
    results = told("""
        tries = []

        def test_it():
            tries.append(1)
            assert tries
            assert len(tries) == 2
    """).results("test_it")

    assert [(line["attempt"], line["outcome"], line["facts"]["asserts"]) for line in results] == [
        (1, "failed", 1),
        (2, "passed", 2),
    ]
