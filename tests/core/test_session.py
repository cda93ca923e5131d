"""The fold: what a session is, told by its entries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from netra_loop.core import codec
from netra_loop.core.acts import act_of
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
from netra_loop.core.plan import Kind, Phase
from netra_loop.core.proof import Control
from netra_loop.core.results import red_tests, results_of
from netra_loop.core.seen import ControlSeen, SuiteSeen
from netra_loop.core.session import control_of, replay
from tests.stories import (
    START,
    Story,
    ended_test,
    knowing,
    leasing,
    plan_of,
    raising,
    step,
    suite,
    two_services,
    usual_plan,
)


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


def final(story: Story, step_id: str = "p1") -> list[tuple[str, str, str, int]]:
    """Every test of a suite: its name, outcome, proof and attempt."""
    record = story.session.record(f"{story.iteration}/{step_id}")
    tests = results_of(story.session, record)
    return [(t.id, t.outcome.value, t.proof.value if t.proof else "", t.attempt) for t in tests]


def test_what_is_known_of_an_act_is_added_to_what_was_known() -> None:
    story = a_story().start("p1").emit(HandleKnown("1/p1", {"pid": "7", "url": "old"}))
    story.emit(HandleKnown("1/p1", {"url": "new", "command": "pytest"}))

    assert story.session.record("1/p1").handle == {"pid": "7", "url": "new", "command": "pytest"}


def test_a_suite_may_announce_its_tests_in_several_events() -> None:
    story = a_story().start("p1").emit(TestsCollected("1/p1", ("a", "b"))).emit(TestsCollected("1/p1", ("c",)))

    assert story.session.record("1/p1").tests.collected == ("a", "b", "c")
    assert list(outcomes(story, "p1")) == ["a", "b", "c"]


def test_a_test_that_nobody_announced_is_told_after_those_that_were() -> None:
    story = a_story().start("p1").emit(TestsCollected("1/p1", ("a",)))
    story.emit(TestsObserved("1/p1", (ended_test("z", TestOutcome.FAILED), ended_test("a")), ()))

    assert list(outcomes(story, "p1").items()) == [("a", TestOutcome.PASSED), ("z", TestOutcome.FAILED)]


def test_ends_that_come_in_several_events_are_all_kept() -> None:
    story = a_story().start("p1").emit(TestsCollected("1/p1", ("a", "b")))
    story.emit(TestsObserved("1/p1", (ended_test("a"),), ())).emit(TestsObserved("1/p1", (ended_test("b"),), ()))

    assert [test.id for test in story.session.record("1/p1").tests.results] == ["a", "b"]


def observed(*told: tuple[Sequence[str], Sequence[str]]) -> Story:
    """A suite whose events each name the tests that ended, and those that started."""
    story = a_story().start("p1").emit(TestsCollected("1/p1", ("a", "b", "c")))
    for ended, started in told:
        story.emit(TestsObserved("1/p1", tuple(map(ended_test, ended)), tuple(started)))
    return story


UNDER_WAY = {
    "a test that started": (observed(([], ["a"])), ("a",)),
    "two that started one after the other": (observed(([], ["a"]), ([], ["b"])), ("a", "b")),
    "one that is told twice": (observed(([], ["a"]), ([], ["a"])), ("a",)),
    "one of two ended": (observed(([], ["a"]), (["a"], ["b"])), ("b",)),
    "started and ended in one event": (observed((["a"], ["a"])), ()),
    "the end of another leaves it under way": (observed(([], ["a"]), (["b"], [])), ("a",)),
    "all ended": (observed(([], ["a", "b"]), (["a", "b"], [])), ()),
}


@pytest.mark.parametrize(("story", "started"), UNDER_WAY.values(), ids=UNDER_WAY)
def test_which_tests_are_under_way(story: Story, started: tuple[str, ...]) -> None:
    assert story.session.record("1/p1").tests.started == started


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (TestOutcome.FAILED, ("suspect", 2)),
        (TestOutcome.ERROR, ("suspect", 2)),
        (TestOutcome.TIMEOUT, ("suspect", 2)),
        (TestOutcome.SKIPPED, ("proven", 1)),
        (TestOutcome.XFAILED, ("proven", 1)),
        (TestOutcome.PASSED, ("proven", 1)),
    ],
)
def test_a_pass_after_a_red_end_in_the_same_run_is_flaky(before: TestOutcome, expected: tuple[str, int]) -> None:
    story = a_story().start("p1").emit(TestsCollected("1/p1", ("a",)))
    story.emit(TestsObserved("1/p1", (ended_test("a", before), ended_test("a")), ()))

    assert final(story) == [("a", "passed", *expected)]


@pytest.mark.parametrize("before", [TestOutcome.FAILED, TestOutcome.ERROR, TestOutcome.TIMEOUT])
def test_a_pass_after_a_red_iteration_on_the_same_images_is_flaky(before: TestOutcome) -> None:
    story = a_story().tests("p1", {"a": before, "b": TestOutcome.PASSED}, Outcome.FAILED, ended_by="timeout")
    story.begin().deploys().is_healthy().tests("p1", ["a", "b"])

    assert final(story) == [("a", "passed", "suspect", 2), ("b", "passed", "proven", 1)]


def test_a_red_end_in_between_is_not_forgotten_by_the_passes_after_it() -> None:
    story = a_story().start("p1").emit(TestsCollected("1/p1", ("a",)))
    ends = (ended_test("a"), ended_test("a", TestOutcome.FAILED), ended_test("a"), ended_test("a"))
    story.emit(TestsObserved("1/p1", ends, ()))

    assert final(story) == [("a", "passed", "suspect", 2)]


def test_the_last_end_of_a_test_speaks() -> None:
    story = a_story().start("p1").emit(TestsCollected("1/p1", ("a",)))
    story.emit(TestsObserved("1/p1", (ended_test("a"), ended_test("a", TestOutcome.FAILED)), ()))

    assert final(story) == [("a", "failed", "", 1)]


@pytest.mark.parametrize(
    ("proof", "expected"),
    [
        (Proof.CONFIRMED, "suspect"),
        (Proof.PROVEN, "suspect"),
        (Proof.SUSPECT, "suspect"),
        (Proof.UNPROVEN, "unproven"),
        (Proof.BYPASSED, "bypassed"),
    ],
)
def test_a_rerun_makes_no_proof_better(proof: Proof, expected: str) -> None:
    story = a_story().start("p1").emit(TestsCollected("1/p1", ("a",)))
    story.emit(TestsObserved("1/p1", (ended_test("a", TestOutcome.FAILED), ended_test("a", proof=proof)), ()))

    assert final(story) == [("a", "passed", expected, 2)]


def test_a_once_only_act_that_a_signal_cut_is_not_taken_up_again() -> None:
    plan = plan_of(Phase("run", "Run", (step(Kind.RUN, "", step_id="migrate", argv=("true",)),)))
    story = Story(plan).begin().start("migrate").emit(Interrupted(2)).emit(StopAsked("1/migrate", "interrupted"))
    story.end("migrate", Outcome.INCOMPLETE, "stopped").emit(SessionResumed("resume"))

    assert story.session.adrift == ()
    assert story.session.record("1/migrate").result is not None


def test_what_was_stopped_without_a_signal_stays_ended() -> None:
    story = a_story().start("p1").emit(StopAsked("1/p1", "fail_fast")).end("p1", Outcome.INCOMPLETE, "stopped")
    story.emit(SessionResumed("resume"))

    assert story.session.adrift == ()
    assert story.session.record("1/p1").result is not None


def test_what_ended_before_a_signal_stays_ended() -> None:
    story = a_story().tests("p1", ["a"]).emit(Interrupted(2)).emit(SessionResumed("resume"))

    assert story.session.adrift == ()


def test_a_stop_that_was_asked_for_is_forgotten_when_the_session_is_resumed() -> None:
    story = a_story().start("p1").emit(StopAsked("1/p1", "interrupted")).emit(SessionResumed("resume"))

    assert [(record.act.id, record.stop) for record in story.session.adrift] == [("1/p1", "")]


def test_every_resume_is_kept_and_the_time_between_is_told_as_asleep() -> None:
    story = a_story().emit(SessionResumed("one"), after=50.0).start("p1").emit(SessionResumed("two"), after=7.0)

    assert story.session.resumed == ("one", "two")
    assert story.session.asleep == timedelta(seconds=57)


def test_an_act_keeps_when_it_first_started_and_every_attempt_has_its_own_beginning() -> None:
    story = Story(usual_plan()).begin().start("deploy-backend")
    story.emit(SessionResumed("one"), after=100.0).start("deploy-backend")
    story.emit(SessionResumed("two"), after=100.0).start("deploy-backend")
    record = story.session.record("1/deploy-backend")

    assert (record.started, record.begun) == (START + timedelta(seconds=2), START + timedelta(seconds=204))
    assert (record.attempt, len(record.earlier)) == (3, 2)


def test_how_a_broken_attempt_ended_says_nothing_of_the_next() -> None:
    story = a_story().start("p1").emit(HandleKnown("1/p1", {"ended_by": "stop", "pid": "7", "operation": "o-1"}))
    story.emit(SessionResumed("resume")).start("p1")

    assert story.session.record("1/p1").handle == {"operation": "o-1"}


def test_every_service_has_its_own_deploy() -> None:
    story = Story(two_services()).begin().deploys(revision="b-1").deploys(revision="f-1", target="frontend")
    iteration = story.session.iterations[0]
    found = {name: iteration.deployed(name) for name in ("backend", "frontend", "other")}

    assert {name: each.revision if each else "" for name, each in found.items()} == {
        "backend": "b-1",
        "frontend": "f-1",
        "other": "",
    }


def test_one_new_image_of_several_is_a_change() -> None:
    story = Story(two_services()).begin().deploys().deploys(target="frontend")
    story.tests("p1", {"a": TestOutcome.FAILED}, Outcome.FAILED)
    story.begin().deploys().deploys("sha256:bb", target="frontend").tests("p1", ["a"])

    assert final(story) == [("a", "passed", "proven", 1)]


RED = {"a": TestOutcome.FAILED}


def after_a_cure(*cures: str) -> Story:
    """The second iteration on the same image, about to test, after these remedies were applied to a red test."""
    story = Story(knowing(usual_plan(iterations=3))).runs(RED, ["c"]).diagnoses(raising("r1", "p1::a"))
    return story.cures(*cures).begin().deploys(changes=cures).is_healthy()


def test_red_then_green_after_a_remedy_counts() -> None:
    assert final(after_a_cure("r1").tests("p1", ["a"])) == [("a", "passed", "proven", 1)]


def test_red_then_green_after_a_remedy_that_changes_only_how_is_tested_counts() -> None:
    story = Story(knowing(usual_plan(iterations=3))).runs(RED, ["c"]).diagnoses(leasing("r1", "p1::a")).cures("r1")

    assert final(story.begin().deploys().is_healthy().tests("p1", ["a"])) == [("a", "passed", "proven", 1)]


@pytest.mark.parametrize("outcome", [Outcome.ERRORED, Outcome.INCOMPLETE, Outcome.SKIPPED])
def test_red_then_green_after_a_remedy_that_was_not_applied_is_flaky(outcome: Outcome) -> None:
    story = Story(knowing(usual_plan(iterations=3))).runs(RED, ["c"]).diagnoses(raising("r1", "p1::a"))
    story.does("cure-r1", outcome).begin().deploys().is_healthy().tests("p1", ["a"])

    assert final(story) == [("a", "passed", "suspect", 2)]


def test_red_then_green_after_a_remedy_that_was_for_another_test_is_flaky() -> None:
    story = Story(knowing(usual_plan(iterations=3))).runs({"a": TestOutcome.FAILED, "b": TestOutcome.FAILED}, ["c"])
    story.diagnoses(raising("r1", "p1::a")).cures("r1").begin().deploys(changes=("r1",)).is_healthy()

    assert final(story.tests("p1", ["a", "b"])) == [("a", "passed", "proven", 1), ("b", "passed", "suspect", 2)]


def test_a_red_test_that_is_not_there_any_more_did_not_run() -> None:
    story = after_a_cure("r1").tests("p1", ["z"])

    assert [(name, outcome) for name, outcome, *_ in final(story)] == [("z", "passed"), ("a", "not_run")]


def test_a_test_that_ran_when_we_stopped_its_suite_is_not_run_and_not_red() -> None:
    story = after_a_cure("r1").tests("verify-p1", {"a": TestOutcome.TIMEOUT}, Outcome.INCOMPLETE, ended_by="stop")
    (result,) = results_of(story.session, story.session.record("2/verify-p1"))

    assert result.outcome is TestOutcome.NOT_RUN


def test_every_remedy_is_a_change_of_its_own() -> None:
    story = after_a_cure("r1").tests("p1", RED, Outcome.FAILED)
    story.diagnoses(raising("r2", "p1::a", after="3.3")).cures("r2").begin().deploys(changes=("r2",)).is_healthy()

    assert final(story.tests("p1", ["a"])) == [("a", "passed", "proven", 1)]


def test_red_then_green_after_a_diagnosis_alone_is_flaky() -> None:
    assert final(after_a_cure().tests("p1", ["a"])) == [("a", "passed", "suspect", 2)]


def test_a_test_that_was_red_alone_and_passes_in_the_whole_run_is_flaky() -> None:
    story = after_a_cure("r1").tests("verify-p1", RED, Outcome.FAILED).tests("p1", ["a", "b"])

    assert final(story, "verify-p1") == [("a", "failed", "", 1)]
    assert final(story) == [("a", "passed", "suspect", 2), ("b", "passed", "proven", 1)]


def test_a_test_that_passes_alone_after_a_remedy_counts_and_so_it_does_in_the_whole_run() -> None:
    story = after_a_cure("r1").tests("verify-p1", ["a"]).tests("p1", ["a"])

    assert final(story, "verify-p1") == final(story) == [("a", "passed", "proven", 1)]


def test_what_was_red_in_the_whole_run_takes_nothing_from_the_verification_before_it() -> None:
    story = after_a_cure("r1").tests("verify-p1", ["a"]).tests("p1", RED, Outcome.FAILED)

    assert final(story, "verify-p1") == [("a", "passed", "proven", 1)]
    assert final(story) == [("a", "failed", "", 1)]


def test_a_test_of_another_suite_with_the_same_name_is_another_test() -> None:
    story = after_a_cure("r1").tests("verify-p1", RED, Outcome.FAILED).tests("p1", ["b"]).tests("events", ["a"])

    assert final(story, "events") == [("a", "passed", "proven", 1)]


def test_a_verification_that_a_crash_broke_off_is_remembered_by_the_next_attempt() -> None:
    story = after_a_cure("r1").start("verify-p1").emit(TestsCollected("2/verify-p1", ("a",)))
    story.emit(TestsObserved("2/verify-p1", (ended_test("a", TestOutcome.FAILED),), ()))
    story.emit(SessionResumed("resume")).tests("verify-p1", ["a"])

    assert final(story, "verify-p1") == [("a", "passed", "suspect", 2)]


def test_flaky_before_a_remedy_and_green_after_it_counts_until_it_is_red_again() -> None:
    story = after_a_cure("r1").tests("p1", ["a"]).begin().deploys(changes=("r1",)).is_healthy()
    assert final(story.tests("p1", RED, Outcome.FAILED)) == [("a", "failed", "", 1)]

    story.begin().deploys(changes=("r1",)).is_healthy().tests("p1", ["a"])
    assert final(story) == [("a", "passed", "suspect", 2)]


def test_the_red_tests_of_an_iteration_are_those_of_its_suites() -> None:
    ends = {
        "a": TestOutcome.FAILED,
        "b": TestOutcome.PASSED,
        "c": TestOutcome.ERROR,
        "d": TestOutcome.TIMEOUT,
        "e": TestOutcome.SKIPPED,
        "f": TestOutcome.NOT_RUN,
        "g": TestOutcome.XPASSED,
    }
    story = Story(usual_plan()).begin().deploys().is_healthy().tests("p1", ends, Outcome.FAILED, ended_by="timeout")
    story.tests("events", {"a": TestOutcome.FAILED}, Outcome.FAILED)

    assert [f"{each.suite}::{each.test}" for each in red_tests(story.session, story.session.iterations[0])] == [
        "p1::a",
        "p1::c",
        "p1::d",
        "events::a",
    ]


def test_a_test_that_is_red_alone_and_in_the_whole_run_is_one_red_test() -> None:
    story = after_a_cure("r1").tests("verify-p1", RED, Outcome.FAILED).tests("p1", RED, Outcome.FAILED)

    assert [each.test for each in red_tests(story.session, story.session.iterations[1])] == ["a"]


def test_an_act_that_was_adrift_keeps_its_test_user() -> None:
    story = Story(knowing(plan_of(Phase("one", "One", (step(Kind.SUITE, "one"),)), suites=[suite("one")])))
    story.begin()
    act = replace(act_of(story.session, 1, story.session.plan.steps[0]), user="u2", holds=frozenset({"user:u2"}))
    story.emit(ActStarted(act)).emit(SessionResumed("resume"))

    assert [(record.act.user, record.act.holds) for record in story.session.adrift] == [("u2", act.holds)]


def witnessed(proof: Proof, requests: dict[str, int]) -> list[Proof | None]:
    """The proofs of two passes once the targets' own log was asked."""
    story = a_story().start("p1").emit(TestsCollected("1/p1", ("a", "b")))
    story.emit(TestsObserved("1/p1", (ended_test("a", proof=proof), ended_test("b", proof=proof)), ()))
    met = {"backend": "backend-new"}
    story.end("p1", seen=SuiteSeen("p1", 0, "itself", True, True, 0, met, met, witnessed=requests))
    assert replay(story.entries) == story.session
    return [test.proof for test in results_of(story.session, story.session.record("1/p1"))]


def test_a_proven_pass_is_confirmed_by_its_requests_in_the_target_s_log() -> None:
    assert witnessed(Proof.PROVEN, {"a": 2}) == [Proof.CONFIRMED, Proof.PROVEN]


@pytest.mark.parametrize("proof", [Proof.UNPROVEN, Proof.SUSPECT, Proof.BYPASSED])
def test_a_request_in_the_log_makes_nothing_else_of_a_pass_than_it_was(proof: Proof) -> None:
    assert witnessed(proof, {"a": 2, "b": 1}) == [proof, proof]


def test_an_empty_log_takes_nothing_away() -> None:
    assert witnessed(Proof.PROVEN, {}) == [Proof.PROVEN, Proof.PROVEN]


def test_each_test_and_each_end_is_known_by_the_entry_that_told_it() -> None:
    story = a_story().start("p1").emit(TestsObserved("1/p1", (ended_test("a"), ended_test("b")), ()))
    first = len(story.entries)
    story.emit(TestsObserved("1/p1", (), ("c",))).emit(TestsObserved("1/p1", (ended_test("b"),), ()))
    record = story.end("p1").session.record("1/p1")

    assert record.tests.told_in == {"a": first, "b": first + 2}
    assert record.entry == len(story.entries)


def test_an_end_that_a_resumed_session_takes_back_has_no_entry_any_more() -> None:
    story = a_story().start("p1").emit(Interrupted(15)).emit(StopAsked("1/p1", "interrupted"))
    story.end("p1", Outcome.INCOMPLETE, "stopped")
    assert story.session.record("1/p1").entry == len(story.entries)

    assert story.emit(SessionResumed("resume")).session.record("1/p1").entry == 0


def controlled(*seen: ControlSeen) -> Story:
    """A session whose iterations each ended a control of p1."""
    plan = plan_of(Phase("control", "Control", (step(Kind.CONTROL, "p1"),)), suites=[suite("p1")])
    story = Story(plan)
    for each in seen:
        story.begin().does("control-p1", seen=each)
    return story


def test_the_newest_control_of_a_suite_speaks_for_each_of_its_tests() -> None:
    P, F = TestOutcome.PASSED, TestOutcome.FAILED
    first = ControlSeen("p1", "d1", cached=False, dead={"a": P}, sabotaged={"a": P})
    second = ControlSeen("p1", "d2", cached=False, dead={"a": F, "b": F}, sabotaged={"a": F})

    assert control_of(controlled(first, second).session, "p1") == {"a": Control(F, F), "b": Control(F, None)}
    assert control_of(controlled(first).session, "events") == {}
    assert control_of(controlled().session, "p1") == {}
