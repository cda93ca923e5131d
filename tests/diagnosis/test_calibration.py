"""Limits are derived from what was recorded: never below it, never beyond their cap."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from netra_loop.diagnosis.calibration import p95, raised_limit

milliseconds = st.integers(min_value=1, max_value=600_000).map(lambda count: count / 1000)
headrooms = st.sampled_from([1.0, 1.1, 1.25, 1.5, 2.0, 10.0])


@pytest.mark.parametrize(
    ("durations", "expected"),
    [
        ([7.0], 7.0),
        ([3.0, 1.0, 2.0], 3.0),
        (range(1, 20), 19),
        (range(1, 21), 19),
        (range(1, 22), 20),
        (range(100, 0, -1), 95),
        (range(1, 102), 96),
        ([1.0] * 95 + [9.0] * 5, 1.0),
        ([1.0] * 94 + [9.0] * 6, 9.0),
    ],
    ids=["one", "three", "19", "20", "21", "100 backwards", "101", "5 of 100 are slow", "6 of 100 are slow"],
)
def test_the_95th_percentile_is_the_one_at_the_nearest_rank(durations: Sequence[float], expected: float) -> None:
    assert p95(durations) == expected


def test_no_durations_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="a percentile needs durations"):
        p95([])


@given(st.lists(milliseconds, min_size=1, max_size=60))
def test_the_95th_percentile_was_recorded_and_covers_95_of_100(durations: list[float]) -> None:
    found = p95(durations)
    below = [each for each in durations if each < found]

    assert found in durations
    assert sum(each <= found for each in durations) >= Fraction(95, 100) * len(durations)
    assert len(below) < Fraction(95, 100) * len(durations), "a smaller one would have covered them too"


@pytest.mark.parametrize(
    ("seen", "headroom", "cap", "expected"),
    [
        (1.6, 1.25, 4.0, 2.0),
        (1.61, 1.25, 4.0, 2.1),
        (1.64, 1.25, 4.0, 2.1),
        (1.0, 1.0, 4.0, 1.0),
        (1.1, 1.0, 4.0, 1.1),
        (1.101, 1.0, 4.0, 1.2),
        (0.01, 1.25, 4.0, 0.1),
        (0.3, 1.1, 4.0, 0.4),
        (3.2, 1.25, 4.0, 4.0),
        (3.21, 1.25, 4.0, 4.0),
        (3.3, 1.25, 4.17, 4.17),
        (4.0, 1.25, 4.0, 4.0),
        (4.001, 1.25, 4.0, None),
        (4.001, 1.0, 4.0, None),
        (0.1, 1.0, 0.0, None),
    ],
    ids=[
        "a whole tenth",
        "up to the next tenth",
        "up and not to the nearest",
        "without headroom",
        "without headroom, a tenth",
        "without headroom, up",
        "far below a tenth",
        "no tenth too much by the arithmetic of computers",
        "just at the cap",
        "the cap instead of more",
        "a cap between two tenths",
        "the work takes as long as the cap",
        "the work takes longer than the cap",
        "the work takes longer than the cap, without headroom",
        "no cap allows nothing",
    ],
)
def test_a_limit_is_raised_with_headroom_up_to_a_tenth_and_not_beyond_its_cap(
    seen: float, headroom: float, cap: float, expected: float | None
) -> None:
    assert raised_limit(seen, headroom, cap) == expected


@given(milliseconds, headrooms, milliseconds)
@example(0.1, 1.1, 600.0)
def test_a_raised_limit_lets_the_work_end_and_stays_within_its_cap(seen: float, headroom: float, cap: float) -> None:
    raised = raised_limit(seen, headroom, cap)

    if seen > cap:
        assert raised is None
    else:
        assert raised is not None
        assert seen <= raised <= cap
        assert raised == cap or raised < seen * headroom + 0.1, "less than a tenth is added to the headroom"


@given(st.floats(min_value=0.001, max_value=600.0), headrooms, st.floats(min_value=0.001, max_value=3600.0))
@example(1.0000004, 1.0, 4.0)
def test_a_raised_limit_is_never_below_what_was_seen_however_finely_it_was_measured(
    seen: float, headroom: float, cap: float
) -> None:
    assume(seen <= cap)
    raised = raised_limit(seen, headroom, cap)

    assert raised is not None
    assert seen <= raised <= cap
