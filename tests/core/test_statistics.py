"""How far a share of few tests can be trusted."""

from __future__ import annotations

import pytest

from netra_loop.core.statistics import wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (30, 30, 0.8865, 1.0),
        (1, 1, 0.2065, 1.0),
    ],
)
def test_the_interval_is_wilson_s(successes: int, trials: int, low: float, high: float) -> None:
    interval = wilson(successes, trials)

    assert interval is not None
    assert [round(end, 4) for end in interval] == [low, high]


def test_without_trials_there_is_no_interval() -> None:
    assert wilson(0, 0) is None


@pytest.mark.parametrize("trials", [1, 3, 7, 30, 1000])
def test_the_interval_never_leaves_what_a_share_can_be(trials: int) -> None:
    for successes in range(trials + 1):
        interval = wilson(successes, trials)
        assert interval is not None
        assert 0.0 <= interval[0] <= interval[1] <= 1.0
