"""The history is an index over the journals: it heals by itself, and tells a new session what earlier ones saw."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from netra_loop.adapters.files import State
from netra_loop.adapters.journal import SqliteJournal
from netra_loop.core import codec
from netra_loop.core.events import SessionFinished
from netra_loop.core.outcome import Outcome, TestOutcome
from netra_loop.core.past import GoodSession, Past, Refuted, Sighting
from netra_loop.core.plan import Plan
from netra_loop.core.problem import Problem, Why, WhyStatus
from netra_loop.core.verdict import conclude
from netra_loop.wiring.history import remember, remembered
from netra_loop.wiring.place import Place
from tests.stories import START, WORK_CUT_OFF, Story, knowing, named, raising, usual_plan

PLAN = knowing(usual_plan(iterations=3))
RED, OK = TestOutcome.FAILED, TestOutcome.PASSED
AT = codec.timestamp(START)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path, State(tmp_path / "state"))
    place.state.prepare()
    return place


def name(number: int) -> str:
    return f"ultimate-test-deploy-loop-all-2025-09-14-{number:06d}"


def story(number: int, plan: Plan = PLAN, commit: str = "") -> Story:
    return Story(plan, name(number), commit=commit or f"commit {number}")


def problem(*tests: str, signature: str = "5" * 16) -> Problem:
    return Problem(WORK_CUT_OFF.id, signature, WORK_CUT_OFF.title, named(*tests), (Why("red", WhyStatus.HYPOTHESIS),))


def red(number: int, commit: str = "", *, a: TestOutcome = RED) -> Story:
    """A session whose tests `a` and `c` are red, for a reason that was seen."""
    told = story(number, commit=commit).runs({"a": a, "b": OK}, {"c": RED})
    return told.diagnoses(problems=(problem("p1::a", "events::c"),))


def green(number: int, commit: str = "") -> Story:
    return story(number, commit=commit).runs().promotes()


def keeps(place: Place, told: Story, *, killed: bool = False) -> None:
    """Keep the journal of a session, which may have been killed before its verdict."""
    if not killed:
        told.emit(SessionFinished(conclude(told.session)))
    folder = place.state.session(told.session.id)
    folder.path.mkdir(exist_ok=True)
    folder.journal.unlink(missing_ok=True)
    journal = SqliteJournal(folder.journal)
    for entry in told.entries:
        journal.append(entry, codec.encode(entry.event))
    journal.close()


def past(place: Place, plan: Plan = PLAN) -> Past:
    return remembered(place, plan)


def rows(place: Place) -> list[str]:
    """Everything that the index holds."""
    connection = sqlite3.connect(place.state.history)
    try:
        return sorted(connection.iterdump())
    finally:
        connection.close()


def test_without_earlier_sessions_nothing_is_known(place: Place) -> None:
    assert past(place) == Past()


def test_it_knows_the_last_good_session_and_its_revisions(place: Place) -> None:
    told = green(1)
    keeps(place, told)
    keeps(place, red(2))

    ended = codec.timestamp(told.session.at)
    assert past(place).last_good == GoodSession(name(1), ended, {"backend": "backend-new"})


def test_it_knows_how_each_test_ended_lately_the_newest_session_first(place: Place) -> None:
    keeps(place, green(1))
    keeps(place, red(2))

    p1 = past(place).suite("p1")

    assert p1 is not None
    assert p1.sessions == (name(2), name(1))
    assert p1.tests == {"a": "F.", "b": ".."}
    assert p1.was_red


def test_a_test_that_a_remedy_turned_green_was_red_all_the_same(place: Place) -> None:
    remedy = raising("r1", "p1::a")
    told = story(1).runs({"a": RED, "b": OK}).diagnoses(remedy, problems=(problem("p1::a"),)).cures("r1")
    keeps(place, told.runs(verifies={"p1": ["a"]}, changes=("r1",), revision="backend-newer"))

    p1 = past(place).suite("p1")

    assert p1 is not None
    assert p1.tests == {"a": "R", "b": "."}
    assert p1.was_red
    assert past(place).refuted == ()


def test_sessions_of_another_environment_say_nothing(place: Place) -> None:
    keeps(place, red(1))
    elsewhere = replace(PLAN, environment=replace(PLAN.environment, name="staging"))

    assert past(place, elsewhere) == Past()


def seen(place: Place) -> Sighting:
    (sighting,) = past(place).sightings
    return sighting


def test_a_signature_is_counted_over_sessions_in_a_row(place: Place) -> None:
    keeps(place, red(1))
    keeps(place, red(2))
    keeps(place, red(3))

    assert seen(place) == Sighting("5" * 16, name(1), AT, name(3), AT, sessions=3, in_a_row=3, row_began=name(1))


def test_a_signature_is_gone_once_all_of_its_tests_passed(place: Place) -> None:
    keeps(place, red(1))
    keeps(place, green(2))
    keeps(place, red(3))
    assert (seen(place).in_a_row, seen(place).gone_in) == (1, "")

    keeps(place, story(4).runs({"a": OK, "b": OK}, {"c": RED}))
    assert seen(place).gone_in == ""

    told = story(5).runs(("a", "b"), ("c", "d")).promotes()
    keeps(place, told)
    assert (seen(place).last_session, seen(place).row_began, seen(place).gone_in) == (name(3), name(3), name(5))
    assert (seen(place).sessions, seen(place).in_a_row) == (2, 1)


def test_what_comes_and_goes_at_one_commit_with_other_settings_was_changed(place: Place) -> None:
    keeps(place, red(1, commit="same"))
    told = story(2, commit="same").begin().deploys("sha256:other").is_healthy()
    told.tests("p1", ["a", "b"]).tests("events", ["c"]).does("logs-backend").promotes()
    keeps(place, told)

    assert seen(place).gone_in
    assert not seen(place).same_commit


def test_what_a_remedy_turned_green_did_not_go_by_itself(place: Place) -> None:
    remedy = raising("r1", "p1::a", "events::c")
    keeps(place, red(1, commit="same"))
    told = story(2, commit="same").runs({"a": RED, "b": OK}, {"c": RED}).diagnoses(remedy).cures("r1")
    told.runs(verifies={"p1": ["a"], "events": ["c"]}, revision="newer", changes=("r1",)).promotes()
    keeps(place, told)

    assert not seen(place).same_commit


def test_what_comes_and_goes_at_one_commit_went_by_itself(place: Place) -> None:
    keeps(place, green(1, commit="same"))
    keeps(place, red(2, commit="same"))
    assert not seen(place).same_commit

    keeps(place, green(3, commit="same"))
    assert seen(place).same_commit


def test_a_step_that_did_not_pass_is_remembered_as_tests_are(place: Place) -> None:
    told = story(1).begin().does("deploy-backend", Outcome.FAILED, "container_failed")
    keeps(place, told.diagnoses(problems=(replace(problem(), tests=(), steps=("deploy-backend",)),)))
    keeps(place, story(2).begin().does("deploy-backend", Outcome.FAILED, "quota"))
    assert seen(place).gone_in == ""
    keeps(place, green(3))

    assert seen(place).gone_in == name(3)
    assert [suite.suite for suite in past(place).suites] == ["events", "p1"]


def refuting(number: int) -> Story:
    """A session in which a remedy was applied, and its test stayed red."""
    told = story(number).runs({"a": RED, "b": OK}).diagnoses(raising("r1", "p1::a"), problems=(problem("p1::a"),))
    verifies: Mapping[str, Mapping[str, TestOutcome]] = {"p1": {"a": RED}}
    told.cures("r1").runs({"a": RED, "b": OK}, verifies=verifies, changes=("r1",), revision="backend-newer")
    return told.diagnoses(problems=(problem("p1::a"),))


def test_a_cause_whose_remedy_changed_nothing_is_refuted_for_its_signature(place: Place) -> None:
    keeps(place, refuting(1))

    assert past(place).refuted == (Refuted("5" * 16, WORK_CUT_OFF.id, name(1)),)


def test_what_is_about_tests_or_suites_stays_open(place: Place) -> None:
    keeps(place, red(1))

    actions = {action.id: action for action in past(place).actions}

    assert actions["red:p1"].about == ("p1::a",)
    assert actions[f"problem:{WORK_CUT_OFF.id}"].about == ("events::c", "p1::a")
    assert {action.since for action in actions.values()} == {name(1)}
    assert past(place, replace(PLAN, focus="p1")).actions == ()


def test_an_index_that_grew_with_the_sessions_equals_one_that_is_rebuilt(place: Place) -> None:
    for number, told in enumerate((green(1), red(2), refuting(3), green(4)), start=1):
        keeps(place, told)
        remember(place, told.session)
        assert len(past(place).suites[0].sessions) == number
    grown, told_before = rows(place), past(place)

    place.state.history.unlink()

    assert past(place) == told_before
    assert rows(place) == grown


def test_a_session_that_was_killed_counts_as_far_as_it_got_and_its_resume_replaces_it(place: Place) -> None:
    told = story(1).begin().deploys().is_healthy().tests("p1", {"a": RED, "b": OK})
    keeps(place, told, killed=True)
    assert past(place).suite("events") is None

    keeps(place, told.tests("events", ["c"]).does("logs-backend"))
    suites = {suite.suite: suite.sessions for suite in past(place).suites}
    assert suites == {"p1": (name(1),), "events": (name(1),)}


def test_a_session_whose_journal_is_gone_is_forgotten(place: Place) -> None:
    keeps(place, red(1))
    assert past(place).sightings

    place.state.session(name(1)).journal.unlink()

    assert past(place) == Past()


def test_a_journal_that_cannot_be_read_is_skipped_and_counted(place: Place) -> None:
    keeps(place, red(1))
    keeps(place, green(2))
    with sqlite3.connect(place.state.session(name(2)).journal) as connection:
        connection.execute("UPDATE entry SET body = replace(body, 'passed', 'failed') WHERE seq > 3")
    place.state.session(name(3)).path.mkdir()
    place.state.session(name(3)).journal.write_bytes(b"no journal at all\n" * 100)

    assert past(place).skipped == 2
    assert seen(place).sessions == 1


@pytest.mark.parametrize("garbage", [b"garbage\n" * 1000, b"", b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_broken_index_is_put_aside_and_rebuilt(place: Place, garbage: bytes) -> None:
    keeps(place, red(1))
    before = past(place)

    place.state.history.write_bytes(garbage)

    assert past(place) == before
    assert seen(place).sessions == 1
    aside = place.state.root / "history.db.broken"
    assert not garbage or aside.read_bytes() == garbage


def test_an_index_that_holds_what_we_never_wrote_is_rebuilt(place: Place) -> None:
    keeps(place, red(1))
    before = past(place)
    with sqlite3.connect(place.state.history) as connection:
        connection.execute("UPDATE test SET mark = '?'")

    assert past(place) == before
    assert past(place).trouble == ""


def test_an_index_of_another_format_is_rebuilt(place: Place) -> None:
    keeps(place, red(1))
    before = past(place)
    with sqlite3.connect(place.state.history) as connection:
        connection.execute("PRAGMA user_version=99")

    assert past(place) == before


def test_where_no_index_can_be_a_session_is_told_why_and_goes_on(place: Place) -> None:
    keeps(place, red(1))
    place.state.history.mkdir()

    assert "history.db: unable to open database file" in past(place).trouble
    remember(place, red(1).session)


def _catches_up(path: Path, times: int) -> None:
    place = Place(path, State(path / "state"))
    for _ in range(times):
        assert not past(place).trouble
        remember(place, red(1).session)


def test_two_processes_at_once_make_the_index_that_one_makes(place: Place) -> None:
    for number in range(1, 6):
        keeps(place, red(number))
    alone = past(place)
    place.state.history.write_bytes(b"garbage\n" * 1000)

    fork = get_context("fork")
    both = [fork.Process(target=_catches_up, args=(place.project, 3)) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join(60)

    assert [each.exitcode for each in both] == [0, 0]
    assert past(place) == alone
