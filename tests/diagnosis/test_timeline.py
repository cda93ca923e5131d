"""Which log entries are a test's: those with its trace, and those without any in its time."""

from __future__ import annotations

import pytest

from netra_loop.core.problem import Evidence
from netra_loop.diagnosis.scene import Failure, LogEntry, Passed
from netra_loop.diagnosis.timeline import LATE, SLACK, Timeline
from tests.stories import named

TRACES = frozenset({"ours", "another test's"})


def red(
    start: float | None = 10.0, end: float | None = 20.0, on: tuple[str, ...] = ("backend",), trace: str = ""
) -> Failure:
    return Failure(named("p1::a")[0], "red", start, end, on, Evidence("red"), trace)


def passed(on: tuple[str, ...] = ("backend",), trace: str = "") -> Passed:
    return Passed(named("p1::b")[0], 10.0, 20.0, on, trace)


def entry(at: float = 15.0, trace: str = "", number: int = 1) -> LogEntry:
    return LogEntry(number, "backend", at, "ERROR", "timed out", trace=trace)


def is_of(test: Failure, written: LogEntry, late: float = SLACK) -> bool:
    return list(Timeline([written], TRACES).around(test, late)) == [written]


@pytest.mark.parametrize(
    ("at", "expected"),
    [(8.999, False), (9.0, True), (10.0, True), (15.0, True), (20.0, True), (21.0, True), (21.001, False)],
)
def test_an_entry_may_lie_a_second_outside_the_time_of_its_test(at: float, expected: bool) -> None:
    assert SLACK == 1.0
    assert is_of(red(), entry(at)) is expected


@pytest.mark.parametrize(("at", "expected"), [(9.0, True), (20.1, True), (20.101, False)])
def test_what_a_server_writes_after_its_last_answer_comes_sooner(at: float, expected: bool) -> None:
    assert is_of(red(), entry(at), LATE) is expected


@pytest.mark.parametrize(
    "test",
    [red(start=None), red(end=None), red(on=("auth",)), red(on=()), red(on=("auth",), trace="ours")],
    ids=["no start", "no end", "another target", "no target", "another target with its trace"],
)
def test_a_test_of_unknown_time_or_of_another_target_has_no_entry(test: Failure) -> None:
    assert not is_of(test, entry())
    assert not is_of(test, entry(trace=test.trace))


@pytest.mark.parametrize(
    ("of_test", "of_entry", "expected"),
    [
        ("ours", "ours", True),
        ("ours", "another test's", False),
        ("ours", "a check's", False),
        ("ours", "", True),
        ("", "another test's", False),
        ("", "a check's", True),
        ("", "", True),
    ],
)
def test_a_trace_tells_more_than_the_time(of_test: str, of_entry: str, expected: bool) -> None:
    assert is_of(red(trace=of_test), entry(trace=of_entry)) is expected


def test_an_entry_with_the_trace_of_a_test_is_its_own_whenever_it_was_written() -> None:
    assert is_of(red(trace="ours"), entry(99.0, "ours"))
    assert not is_of(red(trace="ours"), entry(99.0))
    assert is_of(red(start=None, trace="ours"), entry(99.0, "ours"))


@pytest.mark.parametrize(
    ("of_test", "of_entry", "at", "expected"),
    [
        ("", "", 9.999, False),
        ("", "", 10.0, True),
        ("", "", 20.0, True),
        ("", "", 20.001, False),
        ("ours", "ours", 99.0, True),
        ("ours", "another test's", 15.0, False),
        ("ours", "a check's", 15.0, True),
    ],
)
def test_a_pass_meets_what_was_written_in_its_time_by_anybody_but_another_test(
    of_test: str, of_entry: str, at: float, expected: bool
) -> None:
    assert Timeline([entry(at, of_entry)], TRACES).is_met_by(passed(trace=of_test)) is expected


def test_a_pass_against_another_target_meets_nothing() -> None:
    assert not Timeline([entry()], TRACES).is_met_by(passed(on=("auth",)))


def test_the_entries_of_several_tests_come_once_and_as_they_were_given() -> None:
    written = [entry(19.0, number=1), entry(12.0, number=2), entry(40.0, number=3), entry(15.0, "ours", number=4)]
    found = Timeline(written, TRACES).of([red(), red(trace="ours"), red(11.0, 13.0)])

    assert [each.number for each in found] == [1, 2, 4]
