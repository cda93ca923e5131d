"""Every piece of evidence links to the entry of the journal that recorded it."""

from __future__ import annotations

from typing import Any

from netra_loop.core.events import ActEnded
from netra_loop.core.logs import LogsSeen
from netra_loop.core.outcome import Outcome, TestOutcome
from netra_loop.core.problem import Diagnosed, Evidence, Problem, TestName, Why, WhyStatus
from netra_loop.core.seen import Result
from netra_loop.views.result import result_of
from netra_loop.views.worklog import worklog
from tests.stories import Story, usual_plan


def ended(story: Story, document: Any) -> ActEnded:
    """The end that a piece of evidence links to."""
    event = story.entries[document["entry"] - 1].event
    assert isinstance(event, ActEnded)
    return event


def test_what_an_act_saw_links_to_its_end() -> None:
    story = Story(usual_plan()).begin().deploys().is_healthy().tests("p1", ["a"]).tests("events", ["b"])
    log = LogsSeen("backend", "query", "window", "revision", 1, False)
    story.start("logs-backend").emit(ActEnded("1/logs-backend", Result(Outcome.PASSED, (), log, (Evidence("log"),))))
    story.emit(ActEnded("1/deploy-backend", Result(Outcome.FAILED, (), None, (Evidence("build"),))))
    document = result_of(story.session)
    phases = {phase["id"]: phase["steps"][0]["evidence"] for phase in document["iterations"][0]["phases"]}

    assert [ended(story, each).act_id for each in phases["deploy"]] == ["1/deploy-backend"]
    assert [ended(story, each).act_id for each in phases["logs"]] == ["1/logs-backend"]
    assert [ended(story, each).act_id for each in document["logs"][0]["evidence"]] == ["1/logs-backend"]


def test_a_why_links_to_the_entry_that_its_evidence_names_else_to_the_end_of_its_diagnosis() -> None:
    evidence = (Evidence("p1: a", "boom", entry=3), Evidence("log entries of backend, by line", "2: cut off"))
    why = Why("It was cut off", WhyStatus.CONFIRMED, evidence)
    problem = Problem("cut", "f" * 16, "Cut off", (TestName("p1", "a"),), (why,))
    story = Story(usual_plan()).runs({"a": TestOutcome.FAILED}).does("diagnose", seen=Diagnosed((problem,), (), 2))
    end = len(story.entries)
    document = result_of(story.does("restore-backend").session)
    (told,) = document["problems"][0]["whys"]

    assert [each["entry"] for each in told["evidence"]] == [3, end]
    assert ended(story, told["evidence"][1]).act_id == "1/diagnose"
    assert "- evidence: `p1: a`, journal entry 3\n" in worklog(document)
    assert f"- evidence: `log entries of backend, by line`, journal entry {end}\n" in worklog(document)
