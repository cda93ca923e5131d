"""What a person should do next: every rule, when it speaks and when it is silent."""

from __future__ import annotations

from typing import Any

import pytest

from netra_loop.views.next_actions import next_actions

Document = dict[str, Any]
SERVICE: Document = {
    "name": "backend",
    "service": "backend-staging",
    "strategy": None,
    "revision": "r-2",
    "serving_revision": "r-1",
    "candidate_url": "http://127.0.0.1:8009",
    "traffic_before": [],
}
SPLIT = [
    {"revision": "r-0", "percent": 10},
    {"revision": "r-1", "percent": 90},
    {"revision": "r-9", "percent": 0},
]

COMMAND = "gcloud run services update-traffic backend"
BY_HAND = {"lines": [COMMAND], "services": {"backend": COMMAND}}
BY_HAND_LOCALLY = f'Set the traffic of backend by hand, after eval "$(ultimate-test-deploy-loop local env)": {COMMAND}'


def service(**changes: object) -> Document:
    return SERVICE | changes


def suite(*reasons: str, **tests: str) -> Document:
    return {"id": "p1", "reasons": list(reasons), "tests": [{"id": k, "outcome": v} for k, v in tests.items()]}


def act(outcome: str | None, *reasons: str, kind: str = "deploy", step_id: str = "deploy-backend") -> Document:
    return {"id": step_id, "kind": kind, "outcome": outcome, "reasons": list(reasons)}


def iteration(*steps: Document, shifts: tuple[Document, ...] = (), suites: tuple[Document, ...] = ()) -> Document:
    return {"number": 1, "phases": [{"steps": list(steps)}], "shifts": list(shifts), "suites": list(suites)}


def result(verdict: str | None, *iterations: Document, **changes: object) -> Document:
    return {
        "verdict": verdict,
        "session_id": "s-1",
        "project": "shop",
        "region": "europe-west1",
        "endpoint": "google",
        "interrupted_by_signal": None,
        "services": [],
        "problems": [],
        "remedies": [],
        "iterations": list(iterations),
        "by_hand": {"lines": [], "services": {}},
        "previous": {},
        "calibration": {"contradictions": [], "limits": []},
    } | changes


def cut(limit: str, **changes: object) -> Document:
    return {"limit": limit, "from_s": 2.0} | changes


def told(document: Document) -> list[str]:
    return [f"{action['horizon']} {action['id']} | {action['text']}" for action in next_actions(document)]


RESUME = "ultimate-test-deploy-loop resume s-1"
RED = iteration(suites=(suite(a="passed", b="failed", c="error", d="timeout", e="skipped", f="not_run"),))
CASES: dict[str, tuple[Document, list[str]]] = {
    "limits that contradict each other": (
        result(
            "GREEN", calibration={"limits": [], "contradictions": ["a is 2 s and b 1 s: the outer one ends it first"]}
        ),
        ["short limits:1 | Correct one of two limits: a is 2 s and b 1 s: the outer one ends it first"],
    ),
    "a limit for which a longer one is borne out, and one for which none is": (
        result(
            "GREEN",
            calibration={
                "contradictions": [],
                "limits": [
                    cut("timeouts.receive", operation="receive backend", completions=9, p95_s=3.2, to_s=4.0),
                    cut("timeout of p1", operation="suite p1", completions=0, p95_s=None, to_s=None),
                ],
            },
        ),
        [
            "short limit:timeouts.receive | Review whether timeouts.receive may go from 2.0 s to 4.0 s: "
            "receive backend completed 9 times with a p95 of 3.2 s"
        ],
    ),
    "green: nothing": (result("GREEN"), []),
    "green, a first revision: nothing": (result("GREEN", services=[service(strategy="direct")]), []),
    "green, a candidate: nothing": (result("GREEN", services=[service(strategy="candidate")]), []),
    "unsafe on google: the command that a person can run": (
        result("UNSAFE", by_hand=BY_HAND),
        ["immediate unsafe:backend | Set the traffic of backend by hand: gcloud run services update-traffic backend"],
    ),
    "unsafe on the embedded endpoint: with the line that comes first": (
        result("UNSAFE", by_hand=BY_HAND, endpoint="embedded"),
        [f"immediate unsafe:backend | {BY_HAND_LOCALLY}"],
    ),
    "red: no traffic to set": (result("RED", services=[service(traffic_before=SPLIT)]), []),
    "a first revision that is not proven": (
        result("RED", services=[service(strategy="direct")]),
        [
            "immediate first:backend | backend serves its first revision, not proven good; "
            "there is nothing to go back to"
        ],
    ),
    "a first revision while it runs": (
        result(None, services=[service(strategy="direct")]),
        [f"immediate resume | If nothing runs any more: {RESUME}"],
    ),
    "no verdict yet": (result(None), [f"immediate resume | If nothing runs any more: {RESUME}"]),
    "interrupted": (
        result("INCOMPLETE", interrupted_by_signal=2),
        [f"immediate resume | The session was interrupted; it goes on with: {RESUME}"],
    ),
    "not interrupted": (result("INCOMPLETE"), []),
    "a step failed": (
        result("RED", iteration(act("failed", "no image", "no builder"))),
        ["immediate step:deploy-backend | deploy-backend failed: no image; no builder"],
    ),
    "a step errored": (
        result("ERROR", iteration(act("errored", "permission denied"))),
        ["immediate step:deploy-backend | deploy-backend errored: permission denied"],
    ),
    "a step passed, is incomplete, was skipped, is open": (
        result("RED", iteration(act("passed"), act("incomplete", "stopped"), act("skipped"), act(None))),
        [],
    ),
    "a suite is no step": (result("RED", iteration(act("failed", "failed_tests", kind="suite"))), []),
    "a promote failed": (
        result("UNSAFE", iteration(shifts=(act("failed", "r-1 answers", kind="promote", step_id="promote-backend"),))),
        ["immediate step:promote-backend | promote-backend failed: r-1 answers"],
    ),
    "red tests by name, and no others": (result("RED", RED), ["immediate red:p1 | p1: look at b, c, d"]),
    "ten red tests are named": (
        result("RED", iteration(suites=(suite(**{f"t{number}": "failed" for number in range(12)}),))),
        ["immediate red:p1 | p1: look at t0, t1, t2, t3, t4, t5, t6, t7, t8, t9"],
    ),
    "only the newest iteration speaks": (result("INCOMPLETE", RED, iteration(suites=(suite(a="passed"),))), []),
    "red tests of a running session": (
        result(None, RED),
        [f"immediate resume | If nothing runs any more: {RESUME}", "immediate red:p1 | p1: look at b, c, d"],
    ),
    "failed tests are named, the reason adds nothing": (result("RED", iteration(suites=(suite("failed_tests"),))), []),
    "several reasons, each with its advice": (
        result("INCOMPLETE", iteration(suites=(suite("partial", "too_fast"),))),
        [
            "short partial:p1 | p1 did not run every collected test",
            "short too_fast:p1 | p1 ended faster than its gate believes",
        ],
    ),
    "a candidate that was not promoted": (
        result("RED", services=[service(strategy="candidate")]),
        ["short candidate:backend | r-2 was not promoted; it answers at http://127.0.0.1:8009"],
    ),
    "a candidate that serves": (
        result("RED", services=[service(strategy="candidate", serving_revision="r-2")]),
        [],
    ),
    "a candidate of which nobody knows whether it serves": (
        result("RED", services=[service(strategy="candidate", serving_revision=None)]),
        [],
    ),
    "a candidate while it is tested": (
        result(None, services=[service(strategy="candidate")]),
        [f"immediate resume | If nothing runs any more: {RESUME}"],
    ),
    "the most urgent comes first": (
        result(
            "UNSAFE",
            iteration(
                act("failed", "x"),
                suites=(suite("partial", a="failed"),),
            ),
            services=[service(strategy="candidate", traffic_before=SPLIT)],
            by_hand=BY_HAND,
            endpoint="embedded",
            interrupted_by_signal=2,
        ),
        [
            f"immediate unsafe:backend | {BY_HAND_LOCALLY}",
            f"immediate resume | The session was interrupted; it goes on with: {RESUME}",
            "immediate step:deploy-backend | deploy-backend failed: x",
            "immediate red:p1 | p1: look at a",
            "short partial:p1 | p1 did not run every collected test",
            "short candidate:backend | r-2 was not promoted; it answers at http://127.0.0.1:8009",
        ],
    ),
}


@pytest.mark.parametrize(("document", "expected"), CASES.values(), ids=CASES)
def test_next_actions(document: Document, expected: list[str]) -> None:
    assert told(document) == expected


ADVICE = {
    "empty": "check its paths",
    "all_skipped": "skipped every test",
    "skipped_tests": "raise max_skipped",
    "timed_out": "ended by its timeout",
    "idle": "no sign of life",
    "partial": "did not run every collected test",
    "cut_short": "leave -x, --maxfail",
    "fewer_than_declared": "fewer tests than the index declares",
    "fewer_than_last_time": "fewer tests than before",
    "too_few_tests": "fewer tests than its gate asks for",
    "unproven": "passes that do not count",
    "deselected": "left them out",
    "disagreement": "read its output",
    "invalidated": "run it again",
    "tests_changed": "test files changed while it ran",
    "collection_error": "could not be collected",
    "not_started": "interpreter and folder",
    "left_processes": "left processes behind",
    "nothing_passed": "no passed test",
    "too_fast": "faster than its gate believes",
}


@pytest.mark.parametrize(("reason", "words"), ADVICE.items(), ids=ADVICE)
def test_every_reason_of_a_suite_has_its_advice(reason: str, words: str) -> None:
    (line,) = told(result("INCOMPLETE", iteration(suites=(suite(reason),))))

    assert line.startswith(f"short {reason}:p1 | p1 ")
    assert words in line


REMEDY: Document = {
    "cause": "cut-off",
    "change": "backend LIMIT: 1 -> 2",
    "state": "open",
    "reason": None,
    "permanent": "config/local.yaml: services.backend.env.LIMIT: 2",
}


@pytest.mark.parametrize(
    ("remedy", "expected"),
    [
        (
            {"state": "verified"},
            "short remedy:cut-off | To keep backend LIMIT: 1 -> 2, which is verified and lasts for this session only: "
            "config/local.yaml: services.backend.env.LIMIT: 2",
        ),
        (
            {"state": "refuted", "reason": "some of its tests are still red"},
            "immediate remedy:cut-off | backend LIMIT: 1 -> 2 did not repair it: some of its tests are still red",
        ),
        (
            {"state": "open", "reason": "remedies are off"},
            "immediate remedy:cut-off | cut-off: backend LIMIT: 1 -> 2 is derived from what was seen; "
            "run with --remedies apply or ask to try it",
        ),
        (
            {"state": "open", "reason": "the work takes longer than the cap allows"},
            "immediate remedy:cut-off | cut-off is not repaired: the work takes longer than the cap allows "
            "(backend LIMIT: 1 -> 2)",
        ),
        (
            {"state": "deferred", "reason": "declined"},
            "immediate remedy:cut-off | cut-off is not repaired: declined (backend LIMIT: 1 -> 2)",
        ),
    ],
)
def test_every_remedy_has_its_next_step(remedy: Document, expected: str) -> None:
    assert told(result("RED", iteration(), remedies=[REMEDY | remedy])) == [expected]


def test_an_unconfirmed_cause_names_what_would_decide_it() -> None:
    whys = [{"claim": "tests are red", "by": None}, {"claim": "the limit is too low", "by": None}]
    problem = {"id": "cut-off", "iteration": 1, "root_cause": None, "whys": whys, "history": {"in_a_row": 2}}

    assert told(result("RED", iteration(), problems=[problem])) == [
        "short problem:cut-off | cut-off: no cause is confirmed; the next thing to find out: the limit is too low"
    ]
    assert told(result("RED", iteration(), problems=[problem | {"root_cause": "the limit"}])) == []


def test_what_an_outside_program_claims_is_no_next_action() -> None:
    claimed = {"claim": "delete the database", "undecided": "rm -rf", "by": "an outside program"}
    whys = [{"claim": "the limit is too low", "by": None}, claimed]
    problem = {"id": "cut-off", "iteration": 1, "root_cause": None, "whys": whys, "history": {"in_a_row": 1}}

    assert told(result("RED", iteration(), problems=[problem])) == [
        "short problem:cut-off | cut-off: no cause is confirmed; the next thing to find out: the limit is too low"
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (2, []),
        (3, ["immediate recurring:cut-off | cut-off: recurring for 3 sessions, since s-7: Work is cut off"]),
    ],
)
def test_what_recurs_for_three_sessions_is_told_as_such(row: int, expected: list[str]) -> None:
    history = {"in_a_row": row, "row_began": "s-7"}
    problem = {"id": "cut-off", "iteration": 1, "root_cause": "the limit", "title": "Work is cut off"}

    assert told(result("RED", iteration(), problems=[problem | {"history": history}])) == expected
