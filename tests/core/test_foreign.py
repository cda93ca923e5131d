"""What somebody else did to a service while its tests ran ends a session; what we did ourselves does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netra_loop.core.foreign import foreign_changes
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Kind, Phase
from netra_loop.core.seen import SuiteSeen
from tests.core.test_policy import moves
from tests.stories import NEW, Story, deployed, plan_of, step, suite

SERVED = SuiteSeen("p1", 0, "itself", True, True, 0, {"backend": NEW}, {"backend": NEW})
CHANGES = {
    "another revision": (replace(SERVED, revisions_after={"backend": "other"}), f"{NEW} before, other after"),
    "there and back": (replace(SERVED, moved=("backend",)), f"{NEW} before, {NEW} after"),
    "gone": (replace(SERVED, revisions_after={}), f"{NEW} before, unknown after"),
    "unknown before": (replace(SERVED, revisions={"backend": ""}), f"unknown before, {NEW} after"),
}


def side_by_side() -> Story:
    """A plan that deploys while a suite runs."""
    deploy = Phase("deploy", "Deploy", (step(Kind.DEPLOY, "backend"),))
    tests = Phase("tests", "Tests", (step(Kind.SUITE, "p1"),))
    return Story(plan_of(deploy, tests, suites=(suite("p1"),))).begin()


@pytest.mark.parametrize(("seen", "told"), CHANGES.values(), ids=CHANGES)
def test_g9_a_service_that_changed_under_its_tests_ends_the_session_with_nine(seen: SuiteSeen, told: str) -> None:
    story = side_by_side().deploys().start("p1").end("p1", Outcome.INCOMPLETE, "invalidated", seen=seen)

    assert foreign_changes(story.session.current) == (f"backend while p1 ran ({told})",)
    assert moves(story) == ["finish INCOMPLETE 9"]


def test_tests_that_met_one_revision_throughout_say_nothing_of_anybody() -> None:
    story = side_by_side().deploys().start("p1").end("p1", Outcome.FAILED, seen=SERVED)

    assert foreign_changes(story.session.current) == ()
    assert foreign_changes(None) == ()


def test_a_deploy_of_ours_meanwhile_is_nobody_elses() -> None:
    moved = replace(SERVED, moved=("backend",))
    story = side_by_side().start("deploy-backend").start("p1").end("deploy-backend", seen=deployed())
    story.end("p1", Outcome.INCOMPLETE, "invalidated", seen=moved)

    assert foreign_changes(story.session.current) == ()
    assert moves(story) == ["finish INCOMPLETE 3"]
