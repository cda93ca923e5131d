"""When the counts of a checker are believed, and when they are compared with earlier ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netra_loop.core.compliance import Checked, Checker, checked, judged, not_comparable
from netra_loop.core.outcome import Outcome

CHECKER = Checker(("check",), "strict", r"([0-9]+|no) files", r"([0-9]+) violations", r"^checked (.+)$")
CLEAN = Checked("strict", 3, 0, 0)


@pytest.mark.parametrize(
    ("found", "outcome", "reason"),
    [
        (CLEAN, Outcome.PASSED, ""),
        (Checked("strict", 3, 2, 1), Outcome.FAILED, "violations 2"),
        (Checked("strict", 0, 0, 0), Outcome.ERRORED, "checked no file"),
        (Checked("strict", 0, None, 1), Outcome.ERRORED, "checked no file"),
        (Checked("strict", None, 0, 0), Outcome.ERRORED, "counts not found: files"),
        (Checked("strict", 3, None, 0), Outcome.ERRORED, "counts not found: violations"),
        (Checked("strict", None, None, 0), Outcome.ERRORED, "counts not found: files, violations"),
        (Checked("strict", 3, 0, 1), Outcome.ERRORED, "disagreement: exit 1, violations 0"),
        (Checked("strict", 3, 2, 0), Outcome.ERRORED, "disagreement: exit 0, violations 2"),
        (Checked("strict", 3, 0, 0, 2, "e"), Outcome.ERRORED, "disagreement: 2 files named, 3 counted"),
        (Checked("strict", 3, 0, 0, 3, "e"), Outcome.PASSED, ""),
    ],
)
def test_a_check_passes_only_where_files_were_checked_and_all_it_said_agrees(
    found: Checked, outcome: Outcome, reason: str
) -> None:
    assert judged(found) == (outcome, (reason,) if reason else ())


def test_the_last_match_of_an_expression_counts() -> None:
    found = checked(replace(CHECKER, listed=""), "1 files, 9 violations\n4 files\n2 violations\n", 1)

    assert found == Checked("strict", 4, 2, 1)


@pytest.mark.parametrize("said", ["", "all is well", "no files, x violations", f"{'9' * 400} files"])
def test_what_is_no_number_is_no_count(said: str) -> None:
    assert checked(CHECKER, said, 0).files is None


def test_the_set_of_files_is_the_same_whatever_their_order() -> None:
    one, other, third = (
        checked(CHECKER, f"{names}\n2 files, 0 violations", 0)
        for names in ("checked a.py\nchecked b.py", "checked b.py\nchecked a.py", "checked a.py\nchecked c.py")
    )

    assert one == other
    assert (one.listed, third.listed) == (2, 2)
    assert one.file_set != third.file_set


NAMED = replace(CLEAN, listed=3, file_set="a" * 64)


@pytest.mark.parametrize(
    ("now", "before", "why"),
    [
        (CLEAN, replace(CLEAN, violations=2, exit_code=1), ""),
        (NAMED, NAMED, ""),
        (CLEAN, replace(CLEAN, files=4), "the session before was checked on other files"),
        (NAMED, replace(NAMED, file_set="b" * 64), "the session before was checked on other files"),
        (NAMED, CLEAN, "only one of the two checks named its files"),
        (CLEAN, replace(CLEAN, mode="lax"), "the session before was checked in another mode"),
        (CLEAN, None, "the session before has no counts of this environment"),
        (CLEAN, replace(CLEAN, files=0), "the session before has no counts of this environment"),
        (replace(CLEAN, files=0), CLEAN, "this session has no counts to compare"),
        (None, CLEAN, "this session has no counts to compare"),
    ],
)
def test_counts_are_compared_only_for_the_same_mode_and_files(
    now: Checked | None, before: Checked | None, why: str
) -> None:
    assert not_comparable(now, before) == why
