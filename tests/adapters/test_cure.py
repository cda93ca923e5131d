"""A remedy that is applied leaves a receipt: what was changed, from what to what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.remedies.code import CodeChanges
from netra_loop.adapters.remedies.cure import CureRunner
from netra_loop.adapters.remedies.workbench import Workbench
from netra_loop.core.acts import follow_up
from netra_loop.core.environment import UserMode, Users
from netra_loop.core.events import Event, HandleKnown
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Kind, Phase
from netra_loop.core.problem import Receipt, Remedy
from netra_loop.core.seen import Result
from netra_loop.core.session import Session
from tests.stories import Story, knowing, leasing, plan_of, raising, step, suite, usual_plan


def cured(story: Story, remedy_id: str) -> tuple[Result, list[Event]]:
    """How the remedy was applied, and what was recorded meanwhile."""
    said: list[Event] = []

    def say(event: Event) -> Session:
        said.append(event)
        return story.session

    act = follow_up(story.session, 1, Kind.CURE, remedy_id)
    folder = SessionFolder(Path("nowhere"))  # what changes no code needs none
    code = CodeChanges(Path("nowhere"), Workbench(Path("nowhere"), folder), folder, Redactor(), lambda *_: ())
    return anyio.run(CureRunner(code).run, act, story.session, say), said


def red_with(*remedies: Remedy) -> Story:
    return Story(knowing(usual_plan(3))).runs().diagnoses(*remedies)


@pytest.mark.parametrize(
    ("before", "told"), [("1", "1"), (None, "(not set)"), ("", "(not set)")], ids=["a value", "none", "an empty one"]
)
def test_a_variable_is_changed_from_what_it_was_to_what_was_derived(before: str | None, told: str) -> None:
    result, said = cured(red_with(replace(raising("r1", "p1::a"), before=before)), "r1")

    assert result == Result(
        Outcome.PASSED, (), Receipt("r1", {"backend.AGENT_TIMEOUT": told}, {"backend.AGENT_TIMEOUT": "2.1"})
    )
    assert said == [HandleKnown("1/cure-r1", {"command": f"set_env backend AGENT_TIMEOUT: {told} -> 2.1"})]


def test_the_remedy_that_was_named_is_applied_and_no_other() -> None:
    result, _ = cured(red_with(raising("r1", "p1::a"), raising("r2", "p1::b", after="3.3", target="auth")), "r2")

    assert result.seen == Receipt("r2", {"auth.AGENT_TIMEOUT": "1"}, {"auth.AGENT_TIMEOUT": "3.3"})


def test_users_are_changed_from_those_that_the_suites_had_to_the_whole_pool() -> None:
    suites = [suite("one"), suite("two")]
    phase = Phase("suites", "Suites", tuple(step(Kind.SUITE, each.id) for each in suites))
    users = Users(("u1", "u2", "u3"), UserMode.SHARED)
    story = Story(knowing(plan_of(phase, suites=suites, iterations=3), users=users)).begin().starts()
    story.end("one", Outcome.FAILED).end("two").diagnoses(leasing("r1", "one::a"))
    result, said = cured(story, "r1")

    assert result == Result(
        Outcome.PASSED,
        (),
        Receipt(
            "r1",
            {"user of one": "u1", "user of two": "u1"},
            {"users": "one of u1, u2, u3 for each suite that runs"},
        ),
    )
    assert said == [HandleKnown("1/cure-r1", {"command": "lease_users users.mode: shared -> exclusive"})]
