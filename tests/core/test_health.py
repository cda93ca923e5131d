"""What answers say of a target's health, and what a checkup makes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from netra_loop.core.checkup import Checkup, Condition, ServiceCheckup
from netra_loop.core.health import (
    MISSING,
    Answer,
    dependency_states,
    is_down,
    named_revision,
    parsed,
    pointed,
    problems,
    unmet,
)
from netra_loop.core.outcome import Outcome
from netra_loop.core.seen import DependencyState, HealthSeen, Result, WebSocketSeen
from netra_loop.core.target import Dependency, HealthCheck, Identity, Scalar


@pytest.mark.parametrize(
    ("found", "expected", "met"),
    [
        (True, True, True),
        (False, False, True),
        (True, False, False),
        (1, True, False),
        (True, 1, False),
        (0, False, False),
        (False, 0, False),
        (1, 1, True),
        (1.0, 1, True),
        ("1", 1, False),
        (None, None, True),
        (None, False, False),
        ("ok", "ok", True),
        ("ok", "OK", False),
    ],
)
def test_an_expectation_is_met_by_the_same_value_only(found: Scalar, expected: Scalar, met: bool) -> None:
    assert unmet({"a": found}, {"/a": expected}) == (
        [] if met else [f"/a is {json.dumps(found)}, {json.dumps(expected)} was expected"]
    )


def test_every_unmet_expectation_is_told() -> None:
    assert unmet({"a": 1}, {"/a": 2, "/b": None}) == ["/a is 1, 2 was expected", "/b is missing, null was expected"]


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("", {"a": [{"b/c": 1}, 2], "x~y": 3}),
        ("/a/0/b~1c", 1),
        ("/a/1", 2),
        ("/x~0y", 3),
        ("/a/2", MISSING),
        ("/a/-1", MISSING),
        ("/a/first", MISSING),
        ("/b", MISSING),
        ("/a/1/deeper", MISSING),
    ],
)
def test_what_a_pointer_points_at(pointer: str, found: Any) -> None:
    assert pointed({"a": [{"b/c": 1}, 2], "x~y": 3}, pointer) == found


@pytest.mark.parametrize("body", ["", "<html>", "{", "[" * 100_000])
def test_a_body_that_is_no_json_is_missing(body: str) -> None:
    assert parsed(body) is MISSING


@pytest.mark.parametrize(
    ("said", "state", "down"),
    [
        ("connected", "connected", False),
        ("disabled", "disabled", False),
        ("degraded", "degraded", True),
        ("failed", "failed", True),
        ("unreachable", "unreachable", True),
        ("not_checked", "not_checked", True),
        ("splendid", "failed", True),
        (True, "failed", True),
        (None, "failed", True),
    ],
)
def test_what_a_dependency_s_word_means(said: Scalar, state: str, down: bool) -> None:
    (found,) = dependency_states({"store": said}, (Dependency("store", "/store", required=True),))

    assert found == DependencyState("store", state, required=True)
    assert is_down(found) is down


@pytest.mark.parametrize("document", [{}, {"other": "connected"}, MISSING, []])
def test_a_dependency_of_which_nothing_is_said_was_not_checked(document: Any) -> None:
    assert dependency_states(document, (Dependency("store", "/store", required=False),)) == (
        DependencyState("store", "not_checked", required=False),
    )


DOWN, OPTIONAL = DependencyState("store", "failed", required=True), DependencyState("store", "failed", required=False)
OFF = DependencyState("store", "disabled", required=True)


@pytest.mark.parametrize(
    ("check", "answer", "states", "found"),
    [
        (HealthCheck("/"), Answer(200, {}, ""), (), []),
        (HealthCheck("/"), Answer(503, {}, ""), (), ["HTTP 503, 200 was expected"]),
        (HealthCheck("/", status=204), Answer(204, {}, ""), (), []),
        (HealthCheck("/", expect={"/a": 1}), Answer(200, {}, "no"), (), ["the body is not JSON"]),
        (HealthCheck("/", expect={"/a": 1}), Answer(200, {}, '{"a": 1}'), (), []),
        (HealthCheck("/", expect={"/a": 1}), Answer(200, {}, '{"a": 2}'), (), ["/a is 2, 1 was expected"]),
        (HealthCheck("/"), Answer(200, {}, ""), (DOWN,), ["required dependency store is failed"]),
        (HealthCheck("/"), Answer(200, {}, ""), (OPTIONAL,), []),
        (HealthCheck("/"), Answer(200, {}, ""), (OFF,), []),
    ],
)
def test_why_an_answer_is_not_healthy(
    check: HealthCheck, answer: Answer, states: tuple[DependencyState, ...], found: list[str]
) -> None:
    assert problems(check, answer, states) == found


@pytest.mark.parametrize(
    ("identity", "revision"),
    [
        (None, ""),
        (Identity(header="X-Revision"), "from-header"),
        (Identity(header="X-Other"), ""),
        (Identity(pointer="/revision"), "from-body"),
        (Identity(pointer="/number"), ""),
        (Identity(pointer="/nothing"), ""),
    ],
)
def test_the_revision_that_an_answer_names(identity: Identity | None, revision: str) -> None:
    answer = Answer(200, {"x-revision": "from-header"}, '{"revision": "from-body", "number": 7}')

    assert named_revision(identity, answer) == revision


def looked(outcome: Outcome = Outcome.PASSED, *states: DependencyState) -> Result:
    seen = HealthSeen("backend", "http://127.0.0.1:1", "r-1", 3, 3, 0.1, 0.2, states)
    return Result(outcome, () if outcome is Outcome.PASSED else ("HTTP 503",), seen)


def service(health: Result | None = None, websocket: Result | None = None, trouble: str = "") -> ServiceCheckup:
    return ServiceCheckup("backend", "http://127.0.0.1:1", "r-1", health, websocket, trouble)


ABSENT = ServiceCheckup("backend", "", "", trouble="no such service")
SOCKET = WebSocketSeen("backend", "ws://127.0.0.1:1", 0.1, None, None)
CONDITIONS: dict[str, tuple[ServiceCheckup, Condition]] = {
    "healthy": (service(looked()), Condition.HEALTHY),
    "a websocket alone": (service(None, Result(Outcome.PASSED, (), SOCKET)), Condition.HEALTHY),
    "an optional dependency down": (service(looked(Outcome.PASSED, OPTIONAL)), Condition.DEGRADED),
    "an optional dependency switched off": (
        service(looked(Outcome.PASSED, DependencyState("store", "disabled", required=False))),
        Condition.HEALTHY,
    ),
    "unhealthy": (service(looked(Outcome.FAILED)), Condition.UNHEALTHY),
    "healthy but for its websocket": (service(looked(), Result(Outcome.FAILED, ("closed",))), Condition.UNHEALTHY),
    "nothing declared": (service(), Condition.UNKNOWN),
    "could not look": (service(looked(), trouble="no network"), Condition.UNKNOWN),
    "not deployed": (ABSENT, Condition.NOT_DEPLOYED),
}


@pytest.mark.parametrize(("checkup", "condition"), CONDITIONS.values(), ids=CONDITIONS)
def test_the_condition_of_a_service(checkup: ServiceCheckup, condition: Condition) -> None:
    assert checkup.condition is condition


HEALTHY, DEGRADED = service(looked()), service(looked(Outcome.PASSED, OPTIONAL))
UNHEALTHY, UNKNOWN = service(looked(Outcome.FAILED)), service()


@pytest.mark.parametrize(
    ("services", "lenient", "strict"),
    [
        ((), 4, 4),
        ((HEALTHY,), 0, 0),
        ((HEALTHY, DEGRADED), 0, 1),
        ((HEALTHY, UNHEALTHY), 1, 1),
        ((HEALTHY, UNKNOWN), 4, 4),
        ((HEALTHY, ABSENT), 4, 4),
        ((UNHEALTHY, UNKNOWN), 4, 4),
        ((DEGRADED, ABSENT), 4, 4),
    ],
)
def test_the_exit_code_of_a_checkup(services: tuple[ServiceCheckup, ...], lenient: int, strict: int) -> None:
    checkup = Checkup("staging", services)

    assert (checkup.exit_code(strict=False), checkup.exit_code(strict=True)) == (lenient, strict)


def test_the_findings_of_a_service_are_its_trouble_and_every_reason() -> None:
    checkup = service(looked(Outcome.FAILED), Result(Outcome.FAILED, ("closed",)), "slow")

    assert checkup.findings == ("slow", "HTTP 503", "closed")
