"""What the targets' own request log says of a suite's tests, and what its silence does not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import anyio
import pytest

from netra_loop.adapters.address import Address
from netra_loop.adapters.cloudlogs import CloudLogs, RequestLine
from netra_loop.adapters.suites.witness import LOOKS, Statement, Witness, request_query, requests_by_test
from netra_loop.core.environment import Environment
from netra_loop.core.events import TestResult
from netra_loop.core.outcome import Proof, TestOutcome
from netra_loop.core.proof import Facts
from tests.stories import START

A, B, NOBODY = "a" * 32, "b" * 32, "c" * 32
TRACES = {A: "test_a", B: "test_b"}
MET = {"backend": Address("http://127.0.0.1:1", "backend-2"), "auth": Address("http://127.0.0.1:2", "auth-7")}


def line(trace: str = "", agent: str = "", revision: str = "backend-2") -> RequestLine:
    return RequestLine(trace, agent, revision)


JOINED: dict[str, tuple[list[RequestLine], dict[str, int]]] = {
    "by its trace": ([line(A)], {"test_a": 1}),
    "each request counts": ([line(A), line(B), line(A, revision="auth-7")], {"test_a": 2, "test_b": 1}),
    "by what the user agent repeats": ([line(NOBODY, f"mine/1 netra-loop/{B[:16]}")], {"test_b": 1}),
    "the trace goes first": ([line(A, f"netra-loop/{B[:16]}")], {"test_a": 1}),
    "another revision served it": ([line(A, revision="backend-1")], {}),
    "nobody's trace": ([line(NOBODY), line("", "netra-loop/"), line("", "curl/8")], {}),
    "a shorter half": ([line("", f"netra-loop/{A[:15]}")], {}),
    "nothing": ([], {}),
}


@pytest.mark.parametrize(("lines", "requests"), JOINED.values(), ids=JOINED)
def test_whose_request_it_was(lines: list[RequestLine], requests: dict[str, int]) -> None:
    assert requests_by_test(lines, TRACES, ["backend-2", "auth-7"]) == requests


def test_the_log_is_asked_for_the_tested_revisions_alone() -> None:
    assert request_query(["auth-7", "backend-2"], "2025-09-14T17:10:26Z", "2025-09-14T17:12:00Z") == (
        'resource.type="cloud_run_revision" AND log_id("run.googleapis.com/requests")'
        ' AND resource.labels.revision_name=("auth-7" OR "backend-2") AND timestamp>="2025-09-14T17:10:26Z"'
        ' AND timestamp<="2025-09-14T17:12:00Z"'
    )


class Log(CloudLogs):
    """A log that has one answer for each time it is asked, and then repeats the last; an error is raised."""

    def __init__(self, *answers: list[RequestLine] | Exception) -> None:
        super().__init__(Environment("local", "embedded", "p", "r", ()))
        self.answers = list(answers)
        self.asked: list[str] = []

    def requests(self, query: str, limit: int) -> list[RequestLine]:
        answer = self.answers[min(len(self.asked), len(self.answers) - 1)]
        self.asked.append(query)
        if isinstance(answer, Exception):
            raise answer
        return answer[:limit]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netra_loop.adapters.suites.witness.PAUSE", 0.0)
    monkeypatch.setattr("netra_loop.adapters.suites.witness.MOST_REQUESTS", 3)


def passed(name: str, trace: str, proof: Proof = Proof.PROVEN) -> TestResult:
    return TestResult(name, TestOutcome.PASSED, proof=proof, facts=Facts(bytes_in=1, trace=trace))


BOTH = (passed("test_a", A), passed("test_b", B))


def asked(log: Log, tests: Iterable[TestResult] = BOTH, met: dict[str, Address] = MET) -> Statement:
    async def ask() -> Statement:
        return await Witness(log).ask(tests, met, START)

    return anyio.run(ask)


def test_what_the_log_said_is_told_with_its_query() -> None:
    log = Log([line(A), line(B)])
    statement = asked(log)

    assert statement.requests == {"test_a": 1, "test_b": 1}
    assert statement.log is not None
    assert (statement.log.query, statement.log.count, statement.log.truncated) == (log.asked[0], 2, False)
    assert (statement.log.target, statement.log.revision) == ("backend, auth", "auth-7, backend-2")
    assert len(log.asked) == 1


def test_a_late_log_is_asked_again_until_it_knows_all() -> None:
    log = Log([], [line(A)], [line(A), line(B)])

    statement = asked(log)

    assert statement.requests == {"test_a": 1, "test_b": 1}
    assert len(log.asked) == 3
    assert statement.log is not None
    since, until = statement.log.window.split("/")
    assert set(log.asked) == {request_query(["auth-7", "backend-2"], since, until)}


def test_a_log_that_stays_silent_is_asked_a_few_times() -> None:
    log = Log([line(A)])

    assert asked(log).requests == {"test_a": 1}
    assert len(log.asked) == LOOKS


def test_a_log_that_cannot_be_read_leaves_what_was_known() -> None:
    statement = asked(Log([line(A)], PermissionError("not allowed")))

    assert statement.requests == {"test_a": 1}
    assert statement.trouble == "PermissionError: not allowed"


def test_more_requests_than_are_read_are_said_to_be_cut() -> None:
    statement = asked(Log([line(A)] * 4))

    assert statement.log is not None
    assert (statement.log.count, statement.log.truncated, statement.requests) == (3, True, {"test_a": 3})


NOT_ASKED: dict[str, tuple[Any, Any]] = {
    "no test is proven": ([passed("test_a", A, Proof.SUSPECT)], MET),
    "no request carried a trace": ([passed("test_a", "")], MET),
    "the revision is not known": (BOTH, {"backend": replace(MET["backend"], revision="")}),
    "there was no test": ([], MET),
}


@pytest.mark.parametrize(("tests", "met"), NOT_ASKED.values(), ids=NOT_ASKED)
def test_nothing_is_asked_where_nothing_could_be_found(tests: Any, met: Any) -> None:
    log = Log([line(A)])

    assert asked(log, tests, met) == Statement()
    assert log.asked == []
