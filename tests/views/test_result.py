"""What `result.json` says of a session."""

from __future__ import annotations

from typing import Any

import pytest

from netra_loop.core.codec import timestamp
from netra_loop.core.events import SessionFinished, Verdict
from netra_loop.core.logs import LogsSeen
from netra_loop.core.outcome import Colour, Outcome, Proof, TestOutcome
from netra_loop.core.seen import DependencyState, HealthSeen
from netra_loop.views.result import result_of
from tests.stories import NEW, OLD, Story, two_services, usual_plan


def document_of(story: Story) -> dict[str, Any]:
    return result_of(story.session)


def backend(story: Story) -> dict[str, Any]:
    found: dict[str, Any] = document_of(story)["services"][0]
    return found


def up_to_health(**plan: int) -> Story:
    return Story(usual_plan(**plan)).begin().deploys().is_healthy()


def all_proven() -> Story:
    return up_to_health().tests("p1", ["a"]).tests("events", ["b"]).does("logs-backend")


def test_a_suite_that_has_not_ended_neither_proves_its_value_nor_puts_it_at_risk() -> None:
    assert document_of(up_to_health().start("p1"))["value"] == {"at_risk": [], "proven": [], "totals": []}


def test_a_suite_that_was_blocked_puts_its_value_at_risk_and_one_out_of_focus_does_not() -> None:
    plan = usual_plan().focused("p1")
    story = Story(plan).begin().does("deploy-backend", Outcome.FAILED)

    value = document_of(story)["value"]
    assert ([row["suite"] for row in value["at_risk"]], value["proven"]) == (["p1"], [])


@pytest.mark.parametrize(
    ("story", "url", "candidate_url"),
    [
        (Story(usual_plan()).begin(), None, None),
        (Story(usual_plan()).begin().deploys(), "http://127.0.0.1:8001", "http://127.0.0.1:80019"),
        (Story(usual_plan()).begin().deploys(previous=""), "http://127.0.0.1:8001", "http://127.0.0.1:8001"),
    ],
    ids=["nothing deployed", "a candidate", "a first revision"],
)
def test_where_a_service_and_its_candidate_answer(story: Story, url: str | None, candidate_url: str | None) -> None:
    assert (backend(story)["url"], backend(story)["candidate_url"]) == (url, candidate_url)


def checked(story: Story, outcome: Outcome, median: float, state: str) -> Story:
    dependency = DependencyState("store", state, required=False)
    seen = HealthSeen("backend", "http://127.0.0.1:1/health", NEW, 3, 3, median, 1.0, (dependency,))
    return story.does("health-backend", outcome, seen=seen)


def test_the_newest_health_check_speaks() -> None:
    story = checked(Story(usual_plan(iterations=2)).begin().deploys(), Outcome.FAILED, 0.5, "failed")
    assert (backend(story)["health"], backend(story)["health_latency_median_s"]) == ("unhealthy", 0.5)

    story = checked(story.begin().deploys(), Outcome.PASSED, 0.25, "connected")
    assert (backend(story)["health"], backend(story)["health_latency_median_s"]) == ("healthy", 0.25)
    assert [each["state"] for each in backend(story)["dependencies"]] == ["connected"]


@pytest.mark.parametrize(
    ("story", "word"),
    [
        (Story(usual_plan()).begin().deploys(), "not_checked"),
        (Story(usual_plan()).begin().deploys().start("health-backend"), "not_checked"),
        (Story(usual_plan()).begin().deploys().does("health-backend"), "healthy"),
        (Story(usual_plan()).begin().deploys().does("health-backend", Outcome.FAILED), "unhealthy"),
        (Story(usual_plan()).begin().deploys().does("health-backend", Outcome.ERRORED), "unknown"),
        (Story(usual_plan()).begin().deploys().does("health-backend", Outcome.INCOMPLETE), "unknown"),
    ],
)
def test_the_word_for_a_service_s_health(story: Story, word: str) -> None:
    assert backend(story)["health"] == word


def test_a_session_has_no_end_before_its_end() -> None:
    story = all_proven().promotes()
    before = document_of(story)
    story.emit(SessionFinished(Verdict(Colour.GREEN, "fine", 0)))
    after = document_of(story)

    assert [before[name] for name in ("finished", "verdict", "exit_code")] == [None, None, None]
    assert before["reason"].startswith("in progress; so far: ")
    assert [after[name] for name in ("finished", "verdict", "reason", "exit_code")] == [
        timestamp(story.entries[-1].at),
        "GREEN",
        "fine",
        0,
    ]
    assert after["updated"] == after["finished"]
    assert after["duration_s"] == len(story.entries) - 1


def test_the_headline_counts_only_passes_with_proof() -> None:
    story = up_to_health().tests("p1", ["a", "b", "c"]).tests("events", ["d", "e"], proof=Proof.UNPROVEN)

    assert document_of(story)["headline"] == {
        "collected": 5,
        "passed": 5,
        "counted": 3,
        "counted_percent": 60.0,
        "interval_percent": [23.1, 88.2],
        "applied_remedies": 0,
        "controlled": None,
        "rolled_back": None,
    }


def test_the_headline_is_that_of_the_newest_iteration() -> None:
    story = up_to_health(iterations=2).tests("p1", ["a", "b", "c"]).begin().deploys().is_healthy().tests("p1", ["a"])

    assert document_of(story)["headline"]["collected"] == 1


def test_without_tests_there_is_no_share() -> None:
    headline = document_of(up_to_health())["headline"]

    assert (headline["counted_percent"], headline["interval_percent"]) == (None, None)


def test_the_logs_of_all_iterations_are_kept() -> None:
    story = up_to_health(iterations=2).tests("p1", ["a"]).tests("events", ["b"])
    story.does("logs-backend", seen=LogsSeen("backend", "q", "one", NEW, 1, False)).begin()
    story.does("logs-backend", seen=LogsSeen("backend", "q", "two", NEW, 2, False))

    assert [(log["window"], log["count"]) for log in document_of(story)["logs"]] == [("one", 1), ("two", 2)]


SERVING = {
    "a candidate": (all_proven(), OLD),
    "a first revision": (Story(usual_plan()).begin().deploys(previous=""), NEW),
    "a promote": (all_proven().promotes(), NEW),
    "a promote that was not looked at": (all_proven().does("promote-backend", Outcome.ERRORED), None),
    "a promote that runs": (all_proven().start("promote-backend"), None),
    "a failed promote that was looked at": (all_proven().promotes(Outcome.FAILED), NEW),
    "a restore": (all_proven().promotes(Outcome.FAILED).restores(), OLD),
    "a restore that runs": (all_proven().promotes(Outcome.FAILED).start("restore-backend"), None),
    "a restore after a promote that was not looked at": (
        all_proven().does("promote-backend", Outcome.ERRORED).restores(),
        OLD,
    ),
    "a shift of another service": (Story(two_services()).begin().both_proven().start("promote-frontend"), OLD),
}


@pytest.mark.parametrize(("story", "serving"), SERVING.values(), ids=SERVING)
def test_what_serves_is_told_only_where_it_was_looked_at(story: Story, serving: str | None) -> None:
    service = backend(story)

    assert service["serving_revision"] == serving
    assert [share["revision"] for share in service["traffic_after"] if share["percent"] == 100] == (
        [serving] if serving else []
    )


def test_the_totals_of_an_iteration_are_the_sums_over_its_suites() -> None:
    story = up_to_health().tests("p1", {"a": TestOutcome.FAILED, "b": TestOutcome.PASSED}, Outcome.FAILED)
    story.tests("events", ["c", "d", "e"], proof=Proof.SUSPECT)
    totals = document_of(story)["iterations"][0]["totals"]

    assert {name: number for name, number in totals["counts"].items() if number} == {
        "collected": 5,
        "passed": 4,
        "failed": 1,
    }
    assert {name: number for name, number in totals["proof"].items() if number} == {"proven": 1, "suspect": 3}
    assert totals["counted"] == 1
