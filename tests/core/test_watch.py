"""When a series of answers is health: enough good ones in a row, over enough time, with few bad ones in between."""

from __future__ import annotations

import pytest

from netra_loop.core.target import HealthCheck
from netra_loop.core.watch import Health, Sample, Watch, percentile

CHECK = HealthCheck("/", consecutive=2, failures=1)

SERIES = {
    "nothing yet": ("", CHECK, Health.OPEN),
    "one good": ("+", CHECK, Health.OPEN),
    "two good": ("++", CHECK, Health.HEALTHY),
    "bad ones before the first good one are its start": ("-----++", CHECK, Health.HEALTHY),
    "one bad in between is forgiven": ("+-++", CHECK, Health.HEALTHY),
    "two are not": ("+-+-", CHECK, Health.FLAPPING),
    "not even when good ones follow": ("+--++", CHECK, Health.FLAPPING),
    "nothing is forgiven": ("+-", HealthCheck("/", consecutive=2, failures=0), Health.FLAPPING),
    "good for too short a time": ("+++", HealthCheck("/", consecutive=2, spread=3.0), Health.OPEN),
    "good for long enough": ("++++", HealthCheck("/", consecutive=2, spread=3.0), Health.HEALTHY),
    "the time begins anew after a bad one": ("+++-+++", HealthCheck("/", consecutive=2, spread=3.0), Health.OPEN),
    "only bad": ("----", CHECK, Health.OPEN),
}


def watched(series: str) -> Watch:
    """A sample a second: + is good, - is bad."""
    watch = Watch()
    for second, sign in enumerate(series):
        findings = () if sign == "+" else (f"HTTP 503 in second {second}",)
        watch = watch.after(Sample(float(second), 0.1 + second, 200, findings))
    return watch


@pytest.mark.parametrize(("series", "check", "expected"), SERIES.values(), ids=SERIES)
def test_h1_what_a_series_of_answers_says(series: str, check: HealthCheck, expected: Health) -> None:
    watch = watched(series)

    assert watch.health(check) is expected
    assert (watch.findings(check) == ()) is (expected is Health.HEALTHY)


def test_flapping_tells_how_many_and_what_the_last_was() -> None:
    told = watched("-+-+-").findings(CHECK)

    assert told == ("flapping: 2 of 4 answers since the first good one were bad", "HTTP 503 in second 4")


def test_slow_answers_are_a_finding_only_at_the_end() -> None:
    check = HealthCheck("/", consecutive=2, max_p95=1.0)

    assert watched("+").findings(check) == ("flapping: healthy, but not often enough in a row",)
    assert watched("++").findings(check) == ("95 of 100 answers took up to 1.100 s, 1 s are allowed",)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([], 50, None),
        ([0.5], 99, 0.5),
        ([1.0, 2.0], 50, 1.0),
        ([1.0, 2.0, 3.0], 50, 2.0),
        ([float(number) for number in range(1, 101)], 95, 95.0),
        ([float(number) for number in range(1, 101)], 100, 100.0),
        ([0.123456], 50, 0.1235),
    ],
)
def test_percentiles_are_values_that_were_measured(values: list[float], percent: int, expected: float | None) -> None:
    assert percentile(values, percent) == expected


def test_a_sample_is_told_on_one_line() -> None:
    assert str(Sample(1.5, 0.25, 200, ())) == "1.500 s: HTTP 200 in 0.2500 s; good"
    assert str(Sample(1.5, None, None, ("nobody listens",))) == "1.500 s: no answer; nobody listens"
