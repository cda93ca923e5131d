"""The fold: what a session is, told by its entries."""

from __future__ import annotations

import json

import pytest

from netra_loop.core import codec
from netra_loop.core.events import (
    ActStarted,
    HandleKnown,
    Interrupted,
    IterationBegun,
    SessionFinished,
    SessionResumed,
    StopAsked,
    TestsCollected,
    TestsObserved,
    Verdict,
)
from netra_loop.core.outcome import Colour, Outcome, Proof, TestOutcome
from netra_loop.core.session import replay, results_of
from tests.stories import Story, ended_test, usual_plan


def a_story() -> Story:
    return Story(usual_plan(iterations=3)).begin().deploys().is_healthy()


def outcomes(story: Story, step: str) -> dict[str, TestOutcome]:
    record = story.session.record(f"{story.iteration}/{step}")
    return {test.id: test.outcome for test in results_of(story.session, record)}


def test_a_session_begins_with_its_opening() -> None:
    opening, *others = a_story().entries

    with pytest.raises(ValueError, match="begins with its opening"):
        replay(others)
    with pytest.raises(ValueError, match="opens once"):
        replay([opening, opening])


def test_an_empty_journal_is_no_session() -> None:
    assert replay([]) is None


def test_every_entry_survives_the_journal_s_form() -> None:
    story = a_story().tests("p1", {"a": TestOutcome.FAILED, "b": TestOutcome.TIMEOUT}, Outcome.FAILED)

    for entry in story.entries:
        assert codec.decode(json.loads(json.dumps(codec.encode(entry.event)))) == entry.event


def test_a_record_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind of record: 'Nonsense'"):
        codec.decode({"is": "Nonsense"})


def test_a_record_with_a_field_too_much_or_too_few_is_refused() -> None:
    with pytest.raises(ValueError, match="IterationBegun has no mood"):
        codec.decode({"is": "IterationBegun", "number": 1, "mood": "fine"})
    with pytest.raises(ValueError, match="IterationBegun lacks number"):
        codec.decode({"is": "IterationBegun"})


def test_masking_reaches_every_text_but_the_names_that_hold_the_session_together() -> None:
    act = ActStarted(a_story().session.record("1/health-backend").act)

    assert codec.masked(act, lambda _: "x") == act
    handle = HandleKnown("1/health-backend", {"command": "curl token"})
    assert codec.masked(handle, lambda _: "x") == HandleKnown("1/health-backend", {"command": "x"})


def test_a_test_that_never_ended_is_timeout_if_it_ran_and_not_run_if_it_did_not() -> None:
    ends = {"a": TestOutcome.PASSED, "b": TestOutcome.TIMEOUT, "c": TestOutcome.NOT_RUN}

    assert outcomes(a_story().tests("p1", ends, Outcome.INCOMPLETE, "timed_out", ended_by="timeout"), "p1") == ends


def test_tests_are_told_in_the_order_of_collection() -> None:
    story = a_story().start("p1").emit(TestsCollected("1/p1", ("a", "b", "c")))
    story.emit(TestsObserved("1/p1", (ended_test("c"), ended_test("a")), ()))

    assert list(outcomes(story, "p1")) == ["a", "b", "c"]


def test_a_pass_that_came_only_on_a_retry_is_flaky_and_does_not_count() -> None:
    story = a_story().start("p1").emit(TestsCollected("1/p1", ("a",)))
    story.emit(TestsObserved("1/p1", (ended_test("a", TestOutcome.FAILED), ended_test("a")), ()))

    (test,) = results_of(story.session, story.session.record("1/p1"))
    assert (test.outcome, test.proof, test.attempt) == (TestOutcome.PASSED, Proof.SUSPECT, 2)


def red_then_green(digest_before: str, digest_after: str) -> Story:
    story = Story(usual_plan(iterations=3)).begin().deploys(digest_before).is_healthy()
    story.tests("p1", {"a": TestOutcome.FAILED}, Outcome.FAILED)
    return story.begin().deploys(digest_after).is_healthy().tests("p1", ["a"])


def test_red_then_green_with_nothing_changed_is_flaky_and_does_not_count() -> None:
    story = red_then_green("sha256:aa", "sha256:aa")

    (test,) = results_of(story.session, story.session.record("2/p1"))
    assert test.proof is Proof.SUSPECT
    assert test.reasons[0] == "passed only on a rerun, nothing changed in between"


def test_red_then_green_after_the_image_changed_counts() -> None:
    story = red_then_green("sha256:aa", "sha256:bb")

    (test,) = results_of(story.session, story.session.record("2/p1"))
    assert test.proof is Proof.PROVEN


def test_what_ran_when_the_session_died_is_adrift_until_it_is_started_again() -> None:
    story = (
        a_story()
        .start("p1")
        .emit(TestsCollected("1/p1", ("a",)))
        .emit(HandleKnown("1/p1", {"pid": "7", "revision": "r-1"}))
    )
    story.emit(SessionResumed("resume"))
    record = story.session.record("1/p1")
    assert (record.adrift, record.running) == (True, False)

    record = story.start("p1").session.record("1/p1")
    assert (record.attempt, record.adrift, record.running) == (2, False, True)
    assert record.handle == {"revision": "r-1"}, "a second try must know what the first one had begun, its pid is gone"
    assert record.tests.collected == (), "tests of a broken attempt are not mixed with those of the next"


def test_what_a_signal_cut_short_is_taken_up_again() -> None:
    story = a_story().start("p1").emit(Interrupted(2)).emit(StopAsked("1/p1", "interrupted"))
    story.end("p1", Outcome.INCOMPLETE, "stopped").emit(SessionFinished(Verdict(Colour.INCOMPLETE, "interrupted", 130)))
    session = story.emit(SessionResumed("resume")).session

    assert (session.verdict, session.interrupted) == (None, 0)
    assert [record.act.id for record in session.adrift] == ["1/p1"]
    assert session.record("1/health-backend").result is not None


def test_a_test_that_was_red_before_a_crash_does_not_count_when_it_passes_after_it() -> None:
    story = a_story().start("p1").emit(TestsCollected("1/p1", ("a", "b")))
    story.emit(TestsObserved("1/p1", (ended_test("a", TestOutcome.FAILED),), ()))
    story.emit(SessionResumed("resume")).tests("p1", ["a"])

    first, second = results_of(story.session, story.session.record("1/p1"))
    assert (first.outcome, first.proof, first.attempt) == (TestOutcome.PASSED, Proof.SUSPECT, 2)
    assert (second.id, second.outcome) == ("b", TestOutcome.NOT_RUN), "collected before the crash, gone after it"


def test_a_flaky_test_stays_flaky_while_nothing_changes() -> None:
    story = red_then_green("sha256:aa", "sha256:aa")
    story.begin().does("deploy-backend", Outcome.ERRORED)
    story.begin().deploys("sha256:aa").is_healthy().tests("p1", ["a"])

    (test,) = results_of(story.session, story.session.record("4/p1"))
    assert test.proof is Proof.SUSPECT


def test_a_running_test_is_not_told_as_ended() -> None:
    story = a_story().start("p1").emit(TestsCollected("1/p1", ("a",))).emit(TestsObserved("1/p1", (), ("a",)))

    assert outcomes(story, "p1") == {"a": TestOutcome.NOT_RUN}


def test_a_test_whose_process_ended_while_it_ran_is_an_error() -> None:
    story = a_story().start("p1").emit(TestsCollected("1/p1", ("a",))).emit(TestsObserved("1/p1", (), ("a",)))
    story.emit(HandleKnown("1/p1", {"ended_by": "itself"}))

    assert outcomes(story, "p1") == {"a": TestOutcome.ERROR}


def test_iterations_are_numbered_from_one() -> None:
    story = a_story().emit(IterationBegun(2))

    assert [iteration.number for iteration in story.session.iterations] == [1, 2]
