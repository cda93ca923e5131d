"""The patterns of a tested revision beside those of the last good session, as the log gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import anyio
import pytest

from netra_loop.adapters.cloudlogs import CloudLogs, LogLine, log_query
from netra_loop.adapters.logtrends import MOST_CHANGES, MOST_LISTED, LogTrends
from netra_loop.adapters.redact import Redactor
from netra_loop.core.events import GoodRevision
from netra_loop.core.logs import Change, Comparison, LogsSeen, Pattern, Trend
from tests.stories import BACKEND, NEW, OLD, Story, usual_plan

GOOD = GoodRevision("backend", OLD, "c", "s1", "2025-09-13T08:00:00.000000Z", "2025-09-13T08:05:00.000000Z", tests=3)
SINCE, UNTIL = "2025-09-14T17:10:27.000000Z", "2025-09-14T17:12:00.000000Z"
TESTED = "2025-09-14T17:10:50.000000Z"  # while the tests of the story ran, or soon after
SHAPE = ' AND NOT log_id("run.googleapis.com/requests")'
SEEN = LogsSeen("backend", log_query("backend", NEW, SINCE, UNTIL) + SHAPE, f"{SINCE}/{UNTIL}", NEW, 5, truncated=False)
LIMIT = 50


class Older(CloudLogs):
    """Has these entries of the last good session, or cannot be read; keeps what was asked."""

    def __init__(self, lines: Sequence[LogLine] = (), error: Exception | None = None) -> None:
        self.lines = list(lines)
        self.error = error
        self.asked: list[tuple[str, int]] = []

    def entries(self, query: str, limit: int, *, newest_first: bool = False) -> list[LogLine]:
        self.asked.append((query, limit))
        if self.error:
            raise self.error
        return self.lines[:limit]


def wrote(*texts: str, severity: str = "ERROR") -> list[LogLine]:
    return [LogLine(TESTED, severity, "stderr", text) for text in texts]


def told(
    lines: Sequence[LogLine], older: Older, good: tuple[GoodRevision, ...] = (GOOD,), seen: LogsSeen = SEEN
) -> tuple[LogsSeen, ...]:
    """What is told of a session whose three tests ran against the backend."""
    session = Story(usual_plan(), good=good).runs().session
    trends = LogTrends(older, Redactor(["a-known-secret"]), LIMIT)
    return anyio.run(trends.told, seen, lines, session, session.iterations[-1], BACKEND)


def compared(lines: Sequence[LogLine], older: Older, *good: GoodRevision) -> Comparison:
    comparison = told(lines, older, good or (GOOD,))[0].comparison
    assert comparison is not None
    return comparison


def test_the_same_question_is_asked_of_the_good_revision_in_the_window_of_its_tests() -> None:
    older = Older(wrote("order 1 refused", "all is well"))
    now, then = told(wrote("order 2 refused", "store is gone"), older)

    query = log_query("backend", OLD, GOOD.since, GOOD.until) + SHAPE
    assert older.asked == [(query, LIMIT + 1)]
    assert replace(then, patterns=()) == LogsSeen(
        "backend", query, f"{GOOD.since}/{GOOD.until}", OLD, 2, False, {"ERROR": 2}, of_good_session="s1"
    )
    assert [pattern.text for pattern in then.patterns] == ["all is well", "order # refused"]
    assert now.comparison == Comparison(
        "s1",
        tests_now=3,
        tests_then=3,
        changes=(
            Change(Trend.GONE, "ERROR", "all is well", 0, 1),
            Change(Trend.NEW, "ERROR", "store is gone", 1, 0),
        ),
    )


def test_patterns_are_told_with_their_counts_and_what_is_beyond_the_most_frequent_is_counted() -> None:
    common = wrote(*["slow: 1 s"] * 3, *["slow: 2 s"] * 2)
    rare = wrote(*("ghijklmnopqrstuvwxyz"[n] * 3 for n in range(MOST_LISTED)))
    log = told([*common, *rare], Older(wrote("slow: 9 s")))[0]

    assert log.patterns[0] == Pattern("ERROR", "slow: # s", 5, "slow: 1 s")
    assert (len(log.patterns), log.other) == (MOST_LISTED, 1)


def test_errors_do_not_crowd_out_what_is_written_without_severity() -> None:
    errors = wrote(*("ghijklmnopqrstuvwxyz"[n] * 3 for n in range(MOST_LISTED)))
    log = told([*errors, *wrote("on stderr", severity="DEFAULT")], Older())[0]

    assert log.patterns[-1].text == "on stderr"


def test_a_traceback_of_many_entries_is_one_pattern_told_by_its_error() -> None:
    lines = ["Traceback (most recent call last):", '  File "/app/a.py", line 7, in ask', "TimeoutError: after 30 s"]
    log = told(wrote(*lines, *lines), Older())[0]

    assert [(pattern.text, pattern.count) for pattern in log.patterns] == [("TimeoutError: after # s", 2)]


def test_the_message_of_a_structured_entry_is_its_pattern() -> None:
    line = LogLine(TESTED, "ERROR", "stdout", '{"message": "gone", "n": 1}', {"message": "gone", "n": 1})

    assert told([line], Older())[0].patterns == (Pattern("ERROR", "gone", 1, "gone"),)


def test_secrets_are_in_no_pattern_and_in_no_change() -> None:
    found = told(wrote("key a-known-secret 1"), Older(wrote("token a-known-secret 2")))

    assert "a-known-secret" not in repr(found)
    assert found[0].patterns[0].text == "key [masked] #"


def test_changes_beyond_the_listed_are_counted() -> None:
    texts = [f"{a}{b}" for a in "ghijklmn" for b in "opqrst"][: MOST_CHANGES + 2]
    comparison = compared(wrote("same", *texts), Older(wrote("same")))

    assert (len(comparison.changes), comparison.unlisted) == (MOST_CHANGES, 2)


def test_a_good_session_that_wrote_more_than_is_read_is_not_compared_with() -> None:
    found = told(wrote("x"), Older(wrote(*["y"] * (LIMIT + 1))))

    assert (found[1].truncated, found[1].count) == (True, LIMIT)
    assert found[0].comparison == Comparison(
        "s1", 3, 3, refused="nothing is compared: the last good session wrote more than was read"
    )


def test_a_good_session_whose_entries_are_gone_leaves_nothing_to_compare_with() -> None:
    assert compared(wrote("x"), Older()).refused == (
        "nothing to compare with: the log has nothing of the last good session any more"
    )


def test_an_older_log_that_cannot_be_read_is_told_and_does_no_harm() -> None:
    (log,) = told(wrote("x"), Older(error=OSError("no route a-known-secret")))

    assert log.patterns[0].text == "x"
    assert log.comparison == Comparison("s1", 3, 3, refused="nothing is compared: OSError: no route [masked]")


NOT_ASKED = {
    "no good session": ((), "nothing to compare with: no session has proven a revision good"),
    "one of another service": (
        (replace(GOOD, target="auth"),),
        "nothing to compare with: no session has proven a revision good",
    ),
    "one of an older version, without times": (
        (replace(GOOD, since="", until=""),),
        f"nothing to compare with: it is not known when session s1 tested {OLD}",
    ),
}


@pytest.mark.parametrize(("good", "why"), NOT_ASKED.values(), ids=NOT_ASKED)
def test_without_a_good_session_to_ask_about_nothing_is_asked(good: tuple[GoodRevision, ...], why: str) -> None:
    older = Older(wrote("x"))
    (log,) = told(wrote("x"), older, good)

    assert older.asked == []
    assert log.comparison == Comparison(refused=why)


def test_of_a_revision_that_wrote_nothing_nothing_is_asked() -> None:
    older = Older(wrote("x"))
    (log,) = told([], older)

    assert (older.asked, log.patterns) == ([], ())
    assert log.comparison == Comparison(refused="nothing to compare: the revision wrote nothing while it was tested")


def test_what_was_written_before_the_tests_is_told_and_not_compared() -> None:
    starting = LogLine(SINCE, "INFO", "varlog", "Starting new instance.")
    now = told([starting, *wrote("same")], Older(wrote("same")))[0]

    assert [pattern.text for pattern in now.patterns] == ["same", "Starting new instance."]
    assert now.comparison == Comparison("s1", 3, 3)


def test_without_a_test_there_is_nothing_to_compare() -> None:
    session = Story(usual_plan(), good=(GOOD,)).begin().deploys().session
    older = Older(wrote("x"))
    trends = LogTrends(older, Redactor(), LIMIT)
    (log,) = anyio.run(trends.told, SEEN, wrote("x"), session, session.iterations[-1], BACKEND)

    assert older.asked == []
    assert log.comparison == Comparison(refused="nothing to compare: no test ran against it")


def test_the_newest_good_session_is_the_one_compared_with() -> None:
    older = Older(wrote("x"))

    assert compared(wrote("x"), older, replace(GOOD, session_id="s2"), GOOD).session_id == "s2"
