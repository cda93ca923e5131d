"""What a revision may use: values as users write them, what Cloud Run takes, and how a setting is raised."""

from __future__ import annotations

from fractions import Fraction

import pytest

from netra_loop.core.resources import Setting, amount_of, raised, refusals, unmet, written

MEMORY, CPU, CONCURRENCY = Setting.MEMORY, Setting.CPU, Setting.CONCURRENCY
LEAST, MOST, TIMEOUT = Setting.MIN_INSTANCES, Setting.MAX_INSTANCES, Setting.TIMEOUT


@pytest.mark.parametrize(
    ("setting", "one", "other"),
    [
        (MEMORY, "1Gi", "1024Mi"),
        (MEMORY, "1G", "1000M"),
        (MEMORY, "0.5Gi", "536870912"),
        (CPU, "2", "2000m"),
        (CPU, "0.08", "80m"),
        (TIMEOUT, "5m", "300s"),
        (TIMEOUT, "300", "300s"),
        (CONCURRENCY, "80", "080"),
    ],
)
def test_values_that_are_written_in_two_ways_are_one_amount(setting: Setting, one: str, other: str) -> None:
    assert amount_of(setting, one) == amount_of(setting, other)


@pytest.mark.parametrize(
    ("setting", "smaller", "larger"),
    [(MEMORY, "999Mi", "1Gi"), (MEMORY, "1G", "1Gi"), (CPU, "500m", "1"), (TIMEOUT, "59s", "1m"), (MOST, "9", "10")],
)
def test_amounts_of_a_setting_compare(setting: Setting, smaller: str, larger: str) -> None:
    assert amount_of(setting, smaller) < amount_of(setting, larger)


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        (MEMORY, "512MB"), (MEMORY, "-1Gi"), (MEMORY, ""), (MEMORY, "1Gi "), (CPU, "many"), (CPU, "2Gi"),
        (CONCURRENCY, "1.5"), (CONCURRENCY, "80.0"), (LEAST, "1m"), (MOST, "٣"), (TIMEOUT, "5d"), (TIMEOUT, "1m20s"),
    ],
)  # fmt: skip
def test_what_is_no_value_of_a_setting_is_refused_by_name(setting: Setting, text: str) -> None:
    with pytest.raises(ValueError, match=f"is no value of {setting.value}$"):
        amount_of(setting, text)


@pytest.mark.parametrize(
    ("setting", "amount", "expected"),
    [
        (MEMORY, Fraction(2**30), "1Gi"),
        (MEMORY, Fraction(2**30 + 1), "1025Mi"),
        (CPU, Fraction(4), "4"),
        (CPU, Fraction(1, 3), "0.334"),
        (TIMEOUT, Fraction("1.5"), "2s"),
        (CONCURRENCY, Fraction(80), "80"),
    ],
)
def test_an_amount_is_written_as_gcloud_takes_it(setting: Setting, amount: Fraction, expected: str) -> None:
    assert written(setting, amount) == expected


NO_RAISE = None
RAISES: dict[str, tuple[Setting, str, float, str, str | None]] = {
    "memory doubles": (MEMORY, "512Mi", 2, "4Gi", "1Gi"),
    "memory is rounded up to what can be written": (MEMORY, "513Mi", 1.5, "4Gi", "770Mi"),
    "memory stops at the cap": (MEMORY, "3Gi", 2, "4Gi", "4Gi"),
    "memory stops at Cloud Run's bound": (MEMORY, "30Gi", 2, "64Gi", "32Gi"),
    "memory at the cap": (MEMORY, "4096Mi", 2, "4Gi", NO_RAISE),
    "memory above the cap is not lowered": (MEMORY, "8Gi", 2, "4Gi", NO_RAISE),
    "a CPU goes to the next number there is": (CPU, "2", 1.5, "8", "4"),
    "four CPUs by a half": (CPU, "4000m", 1.5, "8", "6"),
    "a part of a CPU": (CPU, "0.5", 1.5, "8", "0.75"),
    "a part of a CPU across one": (CPU, "500m", 3, "8", "2"),
    "CPUs stop below a cap that is no number of CPUs": (CPU, "2", 4, "5", "4"),
    "CPUs under such a cap already": (CPU, "4", 2, "5", NO_RAISE),
    "the most CPUs": (CPU, "8", 2, "8", NO_RAISE),
    "concurrency": (CONCURRENCY, "80", 1.25, "1000", "100"),
    "concurrency stops at Cloud Run's bound": (CONCURRENCY, "800", 2, "5000", "1000"),
    "one becomes two however small the factor": (MOST, "1", 1.1, "10", "2"),
    "no instance kept up becomes one": (LEAST, "0", 2, "3", "1"),
    "but not above the cap": (LEAST, "0", 2, "0", NO_RAISE),
    "a most of 0 says nothing": (MOST, "0", 2, "10", NO_RAISE),
    "the timeout": (TIMEOUT, "300s", 2, "15m", "600s"),
    "the timeout stops at Cloud Run's bound": (TIMEOUT, "3000s", 2, "2h", "3600s"),
    "a factor that raises nothing": (MEMORY, "512Mi", 1, "4Gi", NO_RAISE),
    "a factor that would lower": (MEMORY, "512Mi", 0.5, "4Gi", NO_RAISE),
    "a value that cannot be read": (MEMORY, "plenty", 2, "4Gi", NO_RAISE),
}


@pytest.mark.parametrize(("setting", "value", "factor", "cap", "expected"), RAISES.values(), ids=RAISES)
def test_a_setting_is_raised_within_its_cap(
    setting: Setting, value: str, factor: float, cap: str, expected: str | None
) -> None:
    assert raised(setting, value, factor, cap) == expected


def test_a_cap_that_is_no_value_is_an_error() -> None:
    with pytest.raises(ValueError, match="'lots' is no value of memory"):
        raised(MEMORY, "512Mi", 2, "lots")


TAKEN: dict[str, tuple[dict[Setting, str], dict[str, str]]] = {
    "the most memory with the CPUs it needs": ({MEMORY: "32Gi", CPU: "8"}, {}),
    "memory that the service's CPUs can have": ({MEMORY: "16Gi"}, {"cpu": "4000m"}),
    "the least of a CPU": ({CPU: "0.08"}, {"memory": "512Mi", "concurrency": "1"}),
    "a timeout, whatever else the service has": ({TIMEOUT: "3600s"}, {"memory": "32Gi", "cpu": "1"}),
    "no instance kept up": ({LEAST: "0"}, {}),
    "nothing": ({}, {"memory": "32Gi", "cpu": "1"}),
}
REFUSED: dict[str, tuple[dict[Setting, str], dict[str, str], str]] = {
    "too much memory": ({MEMORY: "33Gi"}, {"cpu": "8"}, "memory 33Gi is more than 32Gi"),
    "too little memory": ({MEMORY: "64Mi"}, {}, "memory 64Mi is less than 128Mi"),
    "too many CPUs": ({CPU: "16"}, {}, "cpu 16 is more than 8"),
    "CPUs there are not": ({CPU: "3"}, {}, "cpu 3 is none of 1, 2, 4, 6, 8 and not below 1"),
    "too little of a CPU": ({CPU: "0.05"}, {}, "cpu 0.05 is less than 0.08"),
    "too many requests at once": ({CONCURRENCY: "1001"}, {}, "concurrency 1001 is more than 1000"),
    "no request at once": ({CONCURRENCY: "0"}, {}, "concurrency 0 is less than 1"),
    "no instance at most": ({MOST: "0"}, {}, "max_instances 0 is less than 1"),
    "too long": ({TIMEOUT: "3601s"}, {}, "timeout 3601s is more than 3600s"),
    "no value": ({MEMORY: "much"}, {}, "'much' is no value of memory"),
    "memory that needs more CPUs": ({MEMORY: "4097Mi"}, {}, "memory 4097Mi is more than 4Gi, the most with cpu 1"),
    "CPUs that need more memory": ({CPU: "4"}, {}, "memory 512Mi is less than 2Gi, the least with cpu 4"),
    "memory beside half a CPU": ({MEMORY: "2Gi"}, {"cpu": "0.5"}, "memory 2Gi is more than 1Gi, the most with cpu 0.5"),
    "requests beside half a CPU": ({CONCURRENCY: "2"}, {"cpu": "0.5"}, "concurrency 2 needs cpu 1 or more, not 0.5"),
}  # fmt: skip


@pytest.mark.parametrize(("wanted", "beside"), TAKEN.values(), ids=TAKEN)
def test_what_cloud_run_documents_is_taken(wanted: dict[Setting, str], beside: dict[str, str]) -> None:
    assert refusals(wanted, beside) == ()


@pytest.mark.parametrize(("wanted", "beside", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_cloud_run_would_not_take_is_said(
    wanted: dict[Setting, str], beside: dict[str, str], expected: str
) -> None:
    assert refusals(wanted, beside) == (expected,)


def test_what_a_revision_has_otherwise_is_named_with_both_values() -> None:
    wanted = {MEMORY: "1Gi", CPU: "2", TIMEOUT: "60s", MOST: "3"}
    found = {"memory": "512Mi", "cpu": "2000m", "timeout": "0s", "service account": "x"}
    assert unmet(wanted, found) == (
        "memory is 512Mi, not 1Gi as asked for",
        "timeout is 0s, not 60s as asked for",
        "max_instances is not set, not 3 as asked for",
    )
    assert unmet(wanted, {"memory": "1024Mi", "cpu": "2", "timeout": "60s", "max_instances": "3"}) == ()
