"""Reports of many producers are counted right; broken, hostile and contradicting ones are told as what they are."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netra_loop.adapters.suites.reports import Report, ReportFormat, read_report
from netra_loop.adapters.suites.reports.report import MOST_BYTES, seconds
from netra_loop.core.events import TestResult
from netra_loop.core.outcome import TestOutcome

CASES = Path(__file__).parent.parent / "cases" / "reports"
REPORTS = {file.parent.name: file.read_bytes() for file in sorted(CASES.glob("*/*/report.*"))}
EXPECTED = {file.parent.name: json.loads(file.read_text()) for file in CASES.glob("*/*/expected.json")}
MEGABYTE = 1024 * 1024


def suite(*cases: str, **declared: object) -> bytes:
    declared = {"name": "s"} | declared
    attributes = "".join(f' {name}="{value}"' for name, value in declared.items())
    return f"<testsuite{attributes}>{''.join(cases)}</testsuite>".encode()


def case(inner: str = "", **attributes: str) -> str:
    told = {"classname": "c", "name": "a", "time": "1"} | attributes
    written = " ".join(f'{name}="{value}"' for name, value in told.items())
    return f"<testcase {written}>{inner}</testcase>"


def only(report: Report) -> TestResult:
    (test,) = report.tests
    return test


def passed(report: Report) -> int:
    return sum(test.outcome is TestOutcome.PASSED for test in report.tests)


def test_there_are_twenty_producers_ten_of_them_real() -> None:
    assert len(REPORTS) >= 20
    assert len(list(CASES.glob("made/*/report.*"))) >= 10
    assert REPORTS.keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", REPORTS)
def test_every_producer_is_counted_right(name: str) -> None:
    report = read_report(REPORTS[name])

    told: dict[str, Any] = {
        "format": report.format.value,
        "producer": report.producer,
        "counts": Counter(test.outcome.value for test in report.tests),
        "flaky": sum(test.outcome is TestOutcome.PASSED and test.attempt > 1 for test in report.tests),
        "problems": list(report.problems),
    }
    assert told == EXPECTED[name]
    assert report.whole
    assert len({test.id for test in report.tests}) == len(report.tests)


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_cut_at_any_hundredth_is_never_whole_and_never_better(name: str) -> None:
    data = REPORTS[name].rstrip()
    whole = passed(read_report(data + b"\n"))
    for percent in range(100):
        cut = read_report(data[: len(data) * percent // 100])

        assert not cut.whole
        assert cut.problems
        assert passed(cut) <= whole


def test_a_test_in_which_the_report_breaks_off_has_not_passed() -> None:
    report = read_report(suite(case(), case(name="b"))[: -len("</testcase></testsuite>")])

    assert [(test.id, test.outcome) for test in report.tests] == [
        ("s/c::a", TestOutcome.PASSED),
        ("s/c::b", TestOutcome.ERROR),
    ]


ENTITIES = "<!ENTITY l0 'lol'>" + "".join(f"<!ENTITY l{n} '" + 10 * f"&l{n - 1};" + "'>" for n in range(1, 10))
HOSTILE: dict[str, Callable[[], bytes]] = {
    "billion laughs": lambda: f'<?xml version="1.0"?><!DOCTYPE t [{ENTITIES}]><testsuite>&l9;</testsuite>'.encode(),
    "a file of the machine": lambda: (
        b'<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuite>&x;</testsuite>'
    ),
    "a document type of somebody's": lambda: b'<!DOCTYPE testsuite SYSTEM "http://127.0.0.1:9/x.dtd"><testsuite/>',
    "parameter entities": lambda: b'<!DOCTYPE t [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]><testsuite/>',
    "an unknown entity": lambda: b"<testsuite>&nothing;</testsuite>",
    "depth": lambda: b"<testsuite>" * 5_000_000,
    "depth in a test": lambda: b"<testsuite><testcase>" + b"<a>" * 5_000_000,
    "many attributes": lambda: b"<testsuite " + b" ".join(b'a%d=""' % number for number in range(50_000)) + b"/>",
    "a tag without an end": lambda: b"<testsuite name='" + b"a" * (32 * MEGABYTE),
    "a comment without an end": lambda: b"<testsuite><!--" + b"a" * (32 * MEGABYTE),
    "many suites": lambda: b"<testsuites>" + b"<testsuite tests='9'/>" * 1_000_000,
    "many properties": lambda: suite("<testcase><properties>" + "<property name='x'/>" * 1_000_000),
    "many failures": lambda: suite("<testcase>" + "<failure/>" * 1_000_000),
    "too much": lambda: b"<testsuite>" + b" " * MOST_BYTES,
    "another root": lambda: b"<test-run><test-case/></test-run>",
    "JSON depth": lambda: b'{"results": ' + b"[" * 10_000_000,
    "too much JSON": lambda: b'{"results": [' + b"[]," * 8_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_reports_are_refused_in_little_memory(name: str) -> None:
    data = HOSTILE[name]()
    tracemalloc.start()
    try:
        report = read_report(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert not report.whole
    assert report.problems
    assert passed(report) == 0
    assert peak < 16 * MEGABYTE + (len(data) if name.endswith("JSON") or name.startswith("JSON") else 0)


def test_of_many_problems_the_first_are_named_and_the_break_before_all() -> None:
    report = read_report(suite(*[suite(name=number, tests=1).decode() for number in range(80)])[:-3])

    assert len(report.problems) == 52
    assert report.problems[0].startswith("the XML breaks off in line 1")
    assert report.problems[-1] == "and 30 more"


def test_what_a_test_printed_is_passed_over_in_little_memory() -> None:
    data = suite(case("<system-out>" + "printed\n" * MEGABYTE + "</system-out>"))
    tracemalloc.start()
    report = read_report(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert only(report).outcome is TestOutcome.PASSED
    assert peak < 2 * MEGABYTE


@settings(max_examples=150, deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(REPORTS)))
def test_flipped_bytes_never_raise(data: st.DataObject, name: str) -> None:
    content = bytearray(REPORTS[name])
    flips = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255))
    for place, byte in data.draw(st.lists(flips, min_size=1, max_size=8)):
        content[place] = byte

    assert isinstance(read_report(bytes(content)), Report)


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=200).flatmap(
        lambda end: st.sampled_from([b"", b"<", b"{", b'{"Action":', b"\xff\xfe<\0"]).map(lambda begin: begin + end)
    )
)
def test_any_bytes_never_raise(data: bytes) -> None:
    assert isinstance(read_report(data), Report)


OUTCOMES = {
    "nothing said": (case(), TestOutcome.PASSED),
    "failure": (case("<failure/>"), TestOutcome.FAILED),
    "error": (case("<error/>"), TestOutcome.ERROR),
    "skipped": (case("<skipped/>"), TestOutcome.SKIPPED),
    "expected to fail": (case("<skipped type='pytest.xfail'/>"), TestOutcome.XFAILED),
    "failure and error": (case("<error/><failure/>"), TestOutcome.FAILED),
    "failure, then skipped": (case("<failure/><skipped/>"), TestOutcome.FAILED),
    "only a failed rerun": (case("<rerunFailure/>"), TestOutcome.FAILED),
    "disabled": (case(status="notrun"), TestOutcome.SKIPPED),
    "only the status says it failed": (case(status="failed"), TestOutcome.FAILED),
    "only the result says it": (case(status="run", result="Error"), TestOutcome.ERROR),
    "not executed": (case(executed="False"), TestOutcome.SKIPPED),
    "printed, not meant": (case("<system-out>&lt;failure/&gt;</system-out>"), TestOutcome.PASSED),
}


@pytest.mark.parametrize(("xml", "outcome"), OUTCOMES.values(), ids=OUTCOMES)
def test_outcome_of_a_case(xml: str, outcome: TestOutcome) -> None:
    assert only(read_report(suite(xml))).outcome is outcome


def test_a_pass_after_failures_is_flaky() -> None:
    test = only(read_report(suite(case("<flakyFailure message='down'/><flakyError/>"))))

    assert (test.outcome, test.attempt, test.message) == (TestOutcome.PASSED, 3, "down")


def test_a_failure_of_the_suite_itself_is_an_error_of_its_own() -> None:
    report = read_report(suite(case(), "<error message='no database'/>"))

    assert [(test.id, test.outcome.value) for test in report.tests] == [
        ("s/c::a", "passed"),
        ("s::(error of the suite)", "error"),
    ]


def test_names_are_unique_and_follow_the_suites() -> None:
    inner = suite(case(), case(), case(name="a#2")).decode()
    report = read_report(f"<testsuites name='all'><testsuite name='outer'>{inner}</testsuite></testsuites>".encode())

    assert [test.id for test in report.tests] == ["outer/s/c::a", "outer/s/c::a#2", "outer/s/c::a#2#2"]
    assert report.problems == ("tests that share their name with another and were numbered: 2",)


@pytest.mark.parametrize("xml", [suite(case(), tests=2), suite(case(), failures=1), suite(case(), skipped=3)])
def test_declared_counts_that_disagree_are_named(xml: bytes) -> None:
    (problem,) = read_report(xml).problems

    assert "declares" in problem


def test_the_counts_of_the_outer_suite_may_be_its_own_or_all() -> None:
    inner = suite(case(), tests=1).decode()

    for declared in (1, 2):
        assert read_report(suite(case(name="b"), inner, tests=declared)).problems == ()


def test_what_a_case_lacks_is_named() -> None:
    report = read_report(suite("<testcase name='a' time='soon'/><testcase classname='c'/>"))

    assert report.problems == (
        "tests without name: 1",
        "tests without classname: 1",
        "tests without time: 1",
        "tests without a readable time: 1",
    )


def test_properties_of_a_test_are_kept_and_of_a_suite_passed_over() -> None:
    xml = suite(
        "<properties><property name='x' value='y'/></properties>",
        case("<properties><property name='t' value='A-1'/></properties>"),
    )

    assert only(read_report(xml)).properties == {"t": "A-1"}


@pytest.mark.parametrize("text", ["", "soon", "1,234.5", "0,5", "-1", "nan", "inf", "1e999", "0x1", "１", None, True])
def test_a_time_that_is_no_plain_number_is_unknown(text: object) -> None:
    assert seconds(text) is None


def test_a_plain_time_is_read() -> None:
    assert [seconds(text) for text in ("0", "1.5", " 2 ", "1e-3", 3)] == [0, 1.5, 2, 0.001, 3]


SALVAGED = {
    "a terminal's colours": suite(case("<failure>\x1b[31mno</failure>")),
    "a colour as a reference": suite(case("<failure>&#x1b;[31mno</failure>")),
    "bytes that are not UTF-8": suite(case("<failure>@[31mno</failure>")).replace(b"@", b"\xff"),
}


@pytest.mark.parametrize("xml", SALVAGED.values(), ids=SALVAGED)
def test_what_xml_does_not_allow_is_replaced_and_named(xml: bytes) -> None:
    report = read_report(xml)

    assert (only(report).outcome, only(report).message) == (TestOutcome.FAILED, "\ufffd[31mno")
    assert report.problems == ("characters that XML does not allow were replaced: 1",)
    assert report.whole


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252"])
def test_encodings(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + suite(case(name="naïve")).decode()

    assert only(read_report(text.encode(encoding))).id == "s/c::naïve"


def events(*lines: dict[str, object]) -> bytes:
    return b"".join(json.dumps({"Package": "p", **line}).encode() + b"\n" for line in lines)


END = {"Action": "fail", "Elapsed": 1}


def test_a_go_package_that_fails_without_a_failed_test_is_an_error() -> None:
    report = read_report(events({"Action": "output", "Output": "exit status 3\n"}, END))

    assert (only(report).id, only(report).outcome, only(report).message) == (
        "p::(package)",
        TestOutcome.ERROR,
        "exit status 3",
    )


def test_a_go_test_that_does_not_build_says_why() -> None:
    build = {"ImportPath": "p", "Action": "build-output", "Output": "undefined: x\n"}
    report = read_report(json.dumps(build).encode() + b"\n" + events({**END, "FailedBuild": "p"}))

    assert only(report).message == "undefined: x"


def test_a_go_test_without_an_end_is_an_error() -> None:
    running = events({"Action": "run", "Test": "TestA"})

    assert [only(read_report(data)).outcome for data in (running, running + events(END))] == [TestOutcome.ERROR] * 2
    assert [read_report(data).whole for data in (running, running + events(END))] == [False, True]


def test_a_broken_event_may_have_been_a_failure() -> None:
    report = read_report(events({"Action": "run", "Test": "T"}) + b'{"Action": "fa\n' + events({"Action": "pass"}))

    assert not report.whole


def test_ctrf_says_what_it_cannot_say_as_an_error() -> None:
    tests = [{"name": "a", "status": "other"}, {"name": "b", "status": "other", "rawStatus": "todo"}]
    report = read_report(json.dumps({"results": {"tool": {"name": "x"}, "tests": tests}}).encode())

    assert [test.outcome for test in report.tests] == [TestOutcome.ERROR, TestOutcome.SKIPPED]


@pytest.mark.parametrize("data", [b"", b" \n", b"hello", b"[]", b"{}", b'{"results": []}', b"\x00" * 100])
def test_what_is_no_report_is_told_so(data: bytes) -> None:
    report = read_report(data)

    assert (report.tests, report.whole, len(report.problems)) == ((), False, 1)
    assert report.format in (ReportFormat.UNKNOWN, ReportFormat.CTRF)
