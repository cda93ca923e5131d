"""The ledger is read from the journals of earlier sessions: only from those that have something to add."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from netra_loop.adapters.files import State
from netra_loop.adapters.journal import SqliteJournal, glance
from netra_loop.core import codec
from netra_loop.core.events import SessionFinished
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Plan
from netra_loop.core.policy import Finish, decide
from netra_loop.core.rollback import aimed, rollback_plan
from netra_loop.core.seen import Share
from netra_loop.wiring.ledger import ENOUGH, read_ledger
from netra_loop.wiring.place import Place
from tests.stories import BACKEND, Story, deployed, shifted, usual_plan

HERE = usual_plan().environment


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path, State(tmp_path / "state"))
    place.state.prepare()
    return place


def name(number: int) -> str:
    return f"ultimate-test-deploy-loop-all-2025-09-14-{number:06d}"


def kept(place: Place, story: Story) -> None:
    """Finish a session and keep its journal."""
    (move,) = decide(story.session).moves
    assert isinstance(move, Finish)
    story.emit(SessionFinished(move.verdict))
    folder = place.state.session(story.session.id)
    folder.path.mkdir()
    journal = SqliteJournal(folder.journal)
    for entry in story.entries:
        journal.append(entry, codec.encode(entry.event))
    journal.close()


def proving(place: Place, number: int, revision: str, plan: Plan | None = None, *, green: bool = True) -> None:
    story = Story(plan or usual_plan(), name(number)).begin()
    story.does("deploy-backend", seen=replace(deployed(revision=revision), commit=f"commit of {revision}"))
    story.is_healthy(revision=revision)
    story.tests("p1", ["a"], Outcome.PASSED if green else Outcome.FAILED, revision=revision)
    story.tests("events", ["b"], revision=revision).does("logs-backend")
    if green:
        story.does("promote-backend", seen=shifted(revision))
    kept(place, story)


def rolling_back(place: Place, number: int, revision: str, before: str) -> None:
    seen = replace(shifted(revision), traffic_before=(Share(before, 100),), commits={before: f"commit of {before}"})
    plan = aimed(rollback_plan(usual_plan(), [BACKEND]), {"backend": revision})
    kept(place, Story(plan, name(number)).begin().does("rollback-backend", seen=seen))


def good(place: Place) -> list[str]:
    return [each.revision for each in read_ledger(place, HERE).good]


def test_it_has_what_sessions_proved_here_the_newest_first(place: Place) -> None:
    elsewhere = replace(usual_plan(), environment=replace(HERE, project="another"))
    proving(place, 1, "a")
    proving(place, 2, "b")
    proving(place, 3, "c", green=False)
    proving(place, 4, "d", elsewhere)

    assert good(place) == ["b", "a"]
    assert read_ledger(place, HERE).good[0].commit == "commit of b"


def test_a_rollback_is_found_however_many_sessions_follow_it(place: Place) -> None:
    proving(place, 1, "a")
    proving(place, 2, "b")
    rolling_back(place, 3, "a", "b")
    for number in range(4, 5 + ENOUGH):
        proving(place, number, f"later-{number}")

    assert good(place) == [f"later-{number}" for number in range(4 + ENOUGH, 4, -1)][:ENOUGH]
    (quarantined,) = read_ledger(place, HERE).quarantined
    assert (quarantined.revision, quarantined.commit, quarantined.session_id) == ("b", "commit of b", name(3))


def test_a_journal_that_was_tampered_with_or_is_none_says_nothing(place: Place) -> None:
    proving(place, 1, "a")
    proving(place, 2, "b")
    journal = place.state.session(name(2)).journal
    journal.write_bytes(journal.read_bytes().replace(b"commit of b", b"commit of x"))
    folder = place.state.session(name(3))
    folder.path.mkdir()
    folder.journal.write_bytes(b"no journal at all, though it is long enough to be looked at" * 20)

    assert glance(folder.journal) is None
    assert good(place) == ["a"]
