"""Trends: what is claimed of two sessions' logs, and what is not."""

from __future__ import annotations

import pytest

from netra_loop.core.logs import Change, Trend
from netra_loop.diagnosis.patterns import Mined, mined
from netra_loop.diagnosis.trends import Told, compared, refusal


def told(tests: int = 10, *, truncated: bool = False, severity: str = "INFO", **counts: int) -> Told:
    """A session that said `word` so many times."""
    messages = [(severity, word) for word, count in counts.items() for _ in range(count)]
    return Told(mined(messages), tests, truncated)


def trends(now: Told, then: Told) -> dict[str, Trend]:
    return {change.text: change.trend for change in compared(now, then)}


def test_a_change_tells_its_pattern_and_both_counts() -> None:
    assert compared(told(both=5, slow=12), told(both=5, slow=4)) == (Change(Trend.MORE, "INFO", "slow", 12, 4),)


def test_what_one_session_lacks_is_new_or_gone() -> None:
    assert trends(told(both=1, fresh=1), told(both=1, old=1)) == {"fresh": Trend.NEW, "old": Trend.GONE}


@pytest.mark.parametrize(
    ("now", "then", "expected"),
    [(30, 10, Trend.MORE), (29, 10, None), (10, 3, Trend.MORE), (9, 3, None), (3, 1, None), (7, 7, None)],
)
def test_three_times_as_often_needs_entries_enough(now: int, then: int, expected: Trend | None) -> None:
    opposite = {Trend.MORE: Trend.LESS, None: None}[expected]

    assert trends(told(x=now), told(x=then)).get("x") is expected
    assert trends(told(x=then), told(x=now)).get("x") is opposite


def test_three_times_the_entries_of_three_times_the_tests_is_no_change() -> None:
    assert trends(told(30, x=60), told(10, x=20)) == {}


def test_the_same_entries_of_a_tenth_of_the_tests_are_no_change_such_as_those_of_a_timer() -> None:
    assert trends(told(1, x=20), told(10, x=20)) == {}


def test_what_a_session_of_fewer_tests_lacks_had_to_be_there_to_be_gone() -> None:
    assert trends(told(1, y=1), told(100, x=99, y=1)) == {}
    assert trends(told(1, y=1), told(100, x=100, y=1)) == {"x": Trend.GONE}


def test_what_a_session_of_more_tests_says_had_to_be_there_before_to_be_new() -> None:
    assert trends(told(100, x=9, y=1), told(10, y=1)) == {}
    assert trends(told(100, x=10, y=1), told(10, y=1)) == {"x": Trend.NEW}


def test_without_a_test_now_what_was_never_said_is_new_and_nothing_is_gone() -> None:
    assert trends(told(0, crash=1), told(10, served=50)) == {"crash": Trend.NEW}


def test_of_a_log_that_was_cut_off_now_nothing_is_gone_or_rarer() -> None:
    now = told(fresh=1, more=30, less=1, truncated=True)

    assert trends(now, told(old=5, more=10, less=30)) == {"fresh": Trend.NEW, "more": Trend.MORE}


def test_what_may_be_among_patterns_that_are_not_counted_now_is_not_gone() -> None:
    now = Told(Mined(mined([("INFO", "fresh")]).patterns, other=1), 10, False)

    assert trends(now, told(old=50)) == {"fresh": Trend.NEW}


def test_of_a_revision_that_wrote_nothing_nothing_is_gone() -> None:
    assert trends(told(), told(x=50)) == {}


REFUSED = {
    "nothing left of it": (told(), "nothing to compare with: the log has nothing of the last good session any more"),
    "cut off": (told(x=5, truncated=True), "nothing is compared: the last good session wrote more than was read"),
    "more patterns": (
        Told(Mined(mined([("INFO", "x")]).patterns, other=1), 10, False),
        "nothing is compared: the last good session wrote more patterns than are counted",
    ),
    "no test ran": (told(0, x=5), "nothing is compared: no test ran against it in the last good session"),
}


@pytest.mark.parametrize(("then", "why"), REFUSED.values(), ids=REFUSED)
def test_nothing_is_claimed_beside_an_older_log_of_which(then: Told, why: str) -> None:
    assert refusal(then) == why
    assert compared(told(x=100, y=100), then) == ()


def test_severe_changes_come_first_then_those_of_most_entries() -> None:
    now = Told(mined([("INFO", "many")] * 9 + [("INFO", "some")] * 5 + [("ERROR", "one"), ("INFO", "both")]), 1, False)

    assert [change.text for change in compared(now, told(1, both=1))] == ["one", "many", "some"]
