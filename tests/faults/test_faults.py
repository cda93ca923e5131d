"""The faults of the sample are what they say: made by libraries and the platform, and no word of theirs is ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.day.day import ROOT
from tests.faults.fault import Fault, faults
from tests.faults.measure import Mark, Told, faulty_sample, table

FAULTS = list(faults())
KNOWN = [fault for fault in FAULTS if fault.cause]
CONFIRMED = {"id": "missing-file", "root_cause": "The image lacks a file", "whys": [{"undecided": None}]}
GUESSED = {"id": "unexplained-1", "root_cause": None, "whys": [{"undecided": "the log"}]}


def test_there_are_enough_of_each_kind() -> None:
    assert len({fault.cause for fault in KNOWN}) >= 15
    assert len([fault for fault in FAULTS if fault.red and not fault.cause]) >= 10
    assert len([fault for fault in FAULTS if not fault.red]) >= 10


@pytest.mark.parametrize("fault", KNOWN, ids=lambda fault: fault.name)
def test_what_is_written_comes_from_a_library_or_the_platform_and_not_from_us(fault: Fault) -> None:
    ours = [*(ROOT / "netra_loop/sample").rglob("*.py"), *(ROOT / "config").glob("*.yaml")]
    written = [path.read_text("utf-8") for path in ours if path.name != "knowledge.yaml"]
    written += [edit.new + edit.insert for edit in fault.edits]

    assert fault.by
    assert fault.writes
    assert [text for text in written if fault.writes in text] == []


@pytest.mark.parametrize(
    ("cause", "red", "verdict", "problems", "mark"),
    [
        ("missing-file", True, "RED", (CONFIRMED, GUESSED), Mark.RIGHT),
        ("missing-file", True, "RED", (GUESSED, CONFIRMED), Mark.UNKNOWN),  # not first
        ("missing-file", True, "RED", (GUESSED,), Mark.UNKNOWN),
        ("missing-file", True, "GREEN", (), Mark.UNKNOWN),
        ("no-instance", True, "RED", (CONFIRMED,), Mark.WRONG),
        ("", True, "RED", (GUESSED,), Mark.RIGHT),
        ("", True, "RED", (CONFIRMED,), Mark.WRONG),
        ("", True, "GREEN", (), Mark.WRONG),  # the fault did not show, so nothing was measured
        ("", False, "GREEN", (), Mark.RIGHT),
        ("", False, "RED", (GUESSED,), Mark.WRONG),
    ],
)
def test_a_diagnosis_is_right_wrong_or_unknown(
    cause: str, red: bool, verdict: str, problems: tuple[dict[str, object], ...], mark: Mark
) -> None:
    assert Told(Fault("it", "it", cause=cause, red=red), verdict, problems).mark is mark


def test_the_table_counts_each_kind_on_its_own() -> None:
    told = [
        Told(Fault("a", "a", cause="missing-file"), "RED", (CONFIRMED,)),
        Told(Fault("b", "b"), "RED", (CONFIRMED,)),
    ]

    assert table(told).splitlines()[2:] == [
        "| with a cause that is known | 1 | 1 | 0 | 0 |",
        "| with one that is not | 1 | 0 | 1 | 0 |",
        "| none; GREEN, so not diagnosed | 0 | 0 | 0 | 0 |",
    ]


def test_faults_are_found_in_real_sessions_and_logs_compared_with_the_sound_one(tmp_path: Path, compiled: Path) -> None:
    chosen = {fault.name: fault for fault in FAULTS}

    with faulty_sample(tmp_path, compiled) as sample:
        assert sample.told(chosen["missing-module-at-start"]).mark is Mark.RIGHT
        assert sample.told(chosen["sound"]).verdict == "GREEN"
        sound = sample.project.result["session_id"]
        assert sample.told(chosen["bug-division"]).mark is Mark.RIGHT
        logs = {log["target"]: log for log in sample.project.result["logs"] if log["comparison"]}

    compared = logs["backend"]["comparison"]
    assert (compared["session_id"], compared["tests_now"], compared["tests_then"]) == (sound, 25, 25)
    assert {change["text"] for change in compared["changes"] if change["trend"] == "new since"} == {
        "ERROR:    Exception in ASGI application",
        "ZeroDivisionError: division by zero",
    }
    assert logs["auth"]["comparison"]["changes"] == []
