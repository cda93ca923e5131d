"""Which texts of an event are masked, and which must stay."""

from __future__ import annotations

from dataclasses import replace

from netra_loop.core import codec
from netra_loop.core.events import ActEnded, Result, SessionOpened, TestsCollected
from netra_loop.core.outcome import Outcome
from netra_loop.core.problem import Evidence
from tests.stories import Story, usual_plan


def x(text: str) -> str:
    return "x" if text else ""


def test_masking_a_session_s_opening_leaves_every_name_by_which_events_refer_to_it() -> None:
    (opening,) = Story(usual_plan()).entries
    assert isinstance(opening.event, SessionOpened)
    before, after = opening.event, codec.masked(opening.event, x)

    assert after.session_id == before.session_id
    assert (after.plan.name, after.plan.digest, after.plan.focus) == ("default", "d" * 64, "all")
    assert [(p.id, p.needs) for p in after.plan.phases] == [(p.id, p.needs) for p in before.plan.phases]
    assert [(s.id, s.subject) for s in after.plan.steps] == [(s.id, s.subject) for s in before.plan.steps]
    assert [(s.id, s.priority, s.targets) for s in after.plan.suites] == [
        ("p1", "P1", ("backend",)),
        ("events", "P2", ("backend",)),
    ]
    assert [(t.name, t.service) for t in after.plan.environment.targets] == [("backend", "backend")]
    assert after.plan.selected == before.plan.selected


def test_masking_a_session_s_opening_reaches_everything_else() -> None:
    (opening,) = Story(usual_plan()).entries
    assert isinstance(opening.event, SessionOpened)
    after = codec.masked(replace(opening.event, previous="s-0"), x)

    assert (after.command, after.previous) == ("x", "x")
    assert {phase.title for phase in after.plan.phases} == {"x"}
    assert {(suite.title, suite.cwd, suite.paths, suite.value) for suite in after.plan.suites} == {
        ("x", "x", ("x",), "x")
    }
    assert {target.source for target in after.plan.environment.targets} == {"x"}


def test_masking_reaches_the_end_of_an_act_but_not_its_name() -> None:
    event = ActEnded("1/p1", Result(Outcome.FAILED, ("token",), None, (Evidence("title", "token"),)))

    assert codec.masked(event, x) == ActEnded("1/p1", Result(Outcome.FAILED, ("x",), None, (Evidence("x", "x"),)))
    assert codec.masked(TestsCollected("1/p1", ("a", "b")), x) == TestsCollected("1/p1", ("x", "x"))
