"""What became of every remedy, as the tests that ran after it say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from netra_loop.core.environment import RemedyMode, UserMode, Users
from netra_loop.core.events import SessionResumed
from netra_loop.core.ledger import RemedyState, Standing, is_useless, ledger
from netra_loop.core.outcome import Outcome, Proof, TestOutcome
from netra_loop.core.plan import Plan
from netra_loop.core.problem import Receipt, Remedy
from tests.stories import NEW, OLD, Story, knowing, leasing, named, raising, receipt, usual_plan

F, P, S, N = TestOutcome.FAILED, TestOutcome.PASSED, TestOutcome.SKIPPED, TestOutcome.NOT_RUN
WORSE = {"a": F, "b": F}
RED = {"a": F, "b": P}
NEWER, NEWEST = "backend-newer", "backend-newest"
ONE = raising("r1", "p1::a")
OTHER = raising("r2", "p1::b", after="3.3", variable="OTHER_LIMIT")
BOTH = raising("r2", "p1::a", "p1::b", after="3.3")
LEASING = leasing("r1", "p1::a")
CHEATING = Receipt("r1", {}, {}, violations=("a skip was added",))
TWO_USERS = Users(("u1", "u2"), UserMode.SHARED)


def plan(mode: RemedyMode = RemedyMode.APPLY, *, iterations: int = 4, remedies: int = 10) -> Plan:
    return knowing(usual_plan(iterations), mode, remedies=remedies, users=TWO_USERS)


def proposed(*remedies: Remedy, mode: RemedyMode = RemedyMode.APPLY, **budget: int) -> Story:
    return Story(plan(mode, **budget)).runs(WORSE).diagnoses(*remedies)


def applied(remedy: Remedy = ONE, tests: Mapping[str, TestOutcome] = RED) -> Story:
    return Story(plan()).runs(tests).diagnoses(remedy).cures(remedy.id)


def lines(story: Story) -> list[tuple[str, str, str]]:
    """Every remedy with its state and the reason for it."""
    return [(each.remedy.id, each.state.value, each.reason) for each in ledger(story.session)]


def line(story: Story) -> Standing:
    (only,) = ledger(story.session)
    return only


NOT_APPLIED: dict[str, tuple[Callable[[], Story], list[tuple[str, str, str]]]] = {
    "no diagnosis": (lambda: Story(plan()).runs(WORSE), []),
    "nothing proposed": (lambda: proposed(), []),
    "remedies are off": (lambda: proposed(ONE, mode=RemedyMode.OFF), [("r1", "open", "remedies are off")]),
    "not applied yet": (lambda: proposed(ONE), [("r1", "open", "")]),
    "being applied": (lambda: proposed(ONE).start("cure-r1"), [("r1", "open", "")]),
    "not asked about yet": (lambda: proposed(ONE, mode=RemedyMode.ASK), [("r1", "open", "")]),
    "being asked about": (lambda: proposed(ONE, mode=RemedyMode.ASK).start("ask-r1"), [("r1", "open", "")]),
    "declined": (
        lambda: proposed(ONE, OTHER, mode=RemedyMode.ASK).answers("r1", "declined").answers("r2"),
        [("r1", "deferred", "declined"), ("r2", "open", "")],
    ),
    "nobody to ask": (
        lambda: proposed(ONE, mode=RemedyMode.ASK).answers("r1", "nobody to ask: standard input is closed"),
        [("r1", "deferred", "nobody to ask: standard input is closed")],
    ),
    "for the same tests as another": (
        lambda: proposed(ONE, BOTH),
        [("r1", "open", ""), ("r2", "deferred", "another remedy for some of the same tests goes first")],
    ),
    "beyond the budget": (
        lambda: proposed(ONE, OTHER, remedies=1),
        [("r1", "open", ""), ("r2", "open", "the remedies of the budget are spent")],
    ),
    "forbidden by its bounds": (
        lambda: proposed(raising("r1", "p1::a", refusal="the pool has one user")),
        [("r1", "open", "the pool has one user")],
    ),
    "in the only iteration": (
        lambda: proposed(ONE, iterations=1),
        [("r1", "open", "no iteration is left to verify it in")],
    ),
    "the same change again": (
        lambda: applied().runs(RED, verifies={"p1": {"a": F}}, revision=NEWER, changes=("r1",)).diagnoses(ONE),
        [("r1", "refuted", "some of its tests are still red")],
    ),
    "deferred first, and applied by the next iteration": (
        lambda: (
            proposed(ONE, BOTH)
            .cures("r1")
            .runs({"a": P, "b": F}, verifies={"p1": ["a"]}, revision=NEWER, changes=("r1",))
            .diagnoses(replace(BOTH, tests=named("p1::b")))
            .cures("r2")
        ),
        [("r1", "verified", ""), ("r2", "applied", "no later iteration has begun")],
    ),
    "deferred first, and deferred again": (
        lambda: (
            proposed(OTHER, mode=RemedyMode.ASK)
            .answers("r2", "nobody answered in 300 s")
            .runs(RED)
            .diagnoses(OTHER)
            .answers("r2", "declined")
        ),
        [("r2", "deferred", "declined")],
    ),
    "its attempt failed": (
        lambda: proposed(ONE).does("cure-r1", Outcome.FAILED, "the diff is empty", seen=Receipt("r1", {}, {})),
        [("r1", "open", "the diff is empty")],
    ),
    "its diff changes what only a person may change": (
        lambda: proposed(ONE).does(
            "cure-r1", Outcome.FAILED, "a skip", seen=Receipt("r1", {}, {}, violations=("skip",))
        ),
        [("r1", "needs_review", "a skip")],
    ),
    "its attempt broke": (
        lambda: proposed(ONE).does("cure-r1", Outcome.ERRORED, "no disk"),
        [("r1", "open", "no disk")],
    ),
    "a diagnosis after it that does not propose it again": (
        lambda: proposed(OTHER).runs(WORSE).diagnoses(),
        [("r2", "open", "")],
    ),
}


@pytest.mark.parametrize(("tell", "expected"), NOT_APPLIED.values(), ids=NOT_APPLIED)
def test_where_a_remedy_stands(tell: Callable[[], Story], expected: list[tuple[str, str, str]]) -> None:
    assert lines(tell()) == expected


UNPROVEN = "its tests have not all passed with proof, alone and in the whole run"
MISSED = "not every test that had passed with proof before did so again"
REGRESSED = "tests that were not red before it are red now"
NOT_IN_IT = "no later revision contains it"


def after(
    p1: Mapping[str, TestOutcome] | list[str],
    events: Mapping[str, TestOutcome] | list[str] | None = None,
    *,
    alone: Mapping[str, TestOutcome] | list[str] | None = None,
    revision: str = NEWER,
    changes: tuple[str, ...] = ("r1",),
    remedy: Remedy = ONE,
    before: Mapping[str, TestOutcome] = RED,
) -> Story:
    """A remedy, and the iteration after it."""
    verifies = {} if alone is None else {"p1": alone}
    return applied(remedy, before).runs(p1, events or ["c"], verifies=verifies, revision=revision, changes=changes)


JUDGED: dict[str, tuple[Callable[[], Story], tuple[str, str]]] = {
    "nothing ran after it": (applied, ("applied", "no later iteration has begun")),
    "the next iteration has only begun": (lambda: applied().begin(), ("applied", "no later iteration has begun")),
    "the next iteration deploys": (lambda: applied().begin().start("deploy-backend"), ("applied", NOT_IN_IT)),
    "the next deploy failed": (
        lambda: applied().begin().does("deploy-backend", Outcome.FAILED),
        ("applied", NOT_IN_IT),
    ),
    "a revision without it": (lambda: after(["a", "b"], alone=["a"], changes=()), ("applied", NOT_IN_IT)),
    "a revision with another": (lambda: after(["a", "b"], alone=["a"], changes=("r2",)), ("applied", NOT_IN_IT)),
    "the revision it was to change": (
        lambda: after(["a", "b"], alone=["a"], revision=NEW),
        ("deployed", "the revision is the one it was to change"),
    ),
    "deployed, and nothing tested yet": (
        lambda: applied().begin().deploys(revision=NEWER, changes=("r1",)),
        ("deployed", UNPROVEN),
    ),
    "deployed, and verified alone so far": (
        lambda: applied().begin().deploys(revision=NEWER, changes=("r1",)).tests("verify-p1", ["a"], revision=NEWER),
        ("deployed", UNPROVEN),
    ),
    "a suite met another revision": (
        lambda: (
            applied()
            .begin()
            .deploys(revision=NEWER, changes=("r1",))
            .tests("verify-p1", ["a"], revision=NEWER)
            .tests("p1", ["a", "b"], revision=NEWER)
            .tests("events", ["c"], revision=OLD)
        ),
        ("deployed", f"not every suite met revision {NEWER}"),
    ),
    "the verification met another revision": (
        lambda: (
            applied()
            .begin()
            .deploys(revision=NEWER, changes=("r1",))
            .tests("verify-p1", ["a"], revision=OLD)
            .tests("p1", ["a", "b"], revision=NEWER)
            .tests("events", ["c"], revision=NEWER)
        ),
        ("deployed", f"not every suite met revision {NEWER}"),
    ),
    "a suite could not tell what it met": (
        lambda: (
            applied()
            .begin()
            .deploys(revision=NEWER, changes=("r1",))
            .tests("verify-p1", ["a"], revision="")
            .tests("p1", ["a", "b"], revision=NEWER)
            .tests("events", ["c"], revision=NEWER)
        ),
        ("deployed", f"not every suite met revision {NEWER}"),
    ),
    "its test passes alone and in the whole run": (lambda: after(["a", "b"], alone=["a"]), ("verified", "")),
    "its test is red alone": (
        lambda: after(["a", "b"], alone={"a": F}),
        ("refuted", "some of its tests are still red"),
    ),
    "its test is red in the whole run": (
        lambda: after(RED, alone=["a"]),
        ("refuted", "some of its tests are still red"),
    ),
    "one of its tests is red": (
        lambda: after({"a": P, "b": F}, alone={"a": P, "b": F}, before=WORSE, remedy=raising("r1", "p1::a", "p1::b")),
        ("refuted", "some of its tests are still red"),
    ),
    "its test is an error": (
        lambda: after({"a": TestOutcome.ERROR, "b": P}, alone=["a"]),
        ("refuted", "some of its tests are still red"),
    ),
    "its test is skipped alone": (lambda: after(["a", "b"], alone={"a": S}), ("deployed", UNPROVEN)),
    "its test is skipped in the whole run": (lambda: after({"a": S, "b": P}, alone=["a"]), ("deployed", UNPROVEN)),
    "its test did not run": (lambda: after({"a": N, "b": P}, alone=["a"]), ("deployed", UNPROVEN)),
    "its test is gone": (lambda: after(["b"], alone=["a"]), ("deployed", UNPROVEN)),
    "it was not verified alone": (lambda: after(["a", "b"]), ("deployed", UNPROVEN)),
    "one of its tests was not verified alone": (
        lambda: after(["a", "b"], alone=["a"], before=WORSE, remedy=raising("r1", "p1::a", "p1::b")),
        ("deployed", UNPROVEN),
    ),
    "another test of its suite is newly red": (
        lambda: after({"a": P, "b": F}, alone=["a"]),
        ("regressed", "tests that were not red before it are red now"),
    ),
    "a test of another suite is newly red": (
        lambda: after(["a", "b"], {"c": F}, alone=["a"]),
        ("regressed", "tests that were not red before it are red now"),
    ),
    "another test is newly red, so that it was taken back": (
        lambda: after({"a": P, "b": F}, alone=["a"]).undoes("r1"),
        ("rolled_back", f"it was taken back: {REGRESSED}"),
    ),
    "taken back, and its own test passes without it": (
        lambda: after({"a": P, "b": F}, alone=["a"]).undoes("r1").runs(["a", "b"], revision=NEWEST),
        ("rolled_back", f"it was taken back: {REGRESSED}"),
    ),
    "another test is red that was red before": (
        lambda: after({"a": P, "b": F}, alone=["a"], before=WORSE),
        ("verified", ""),
    ),
    "another test is red that was not there before": (
        lambda: after({"a": P, "b": P, "new": F}, alone=["a"]),
        ("regressed", "tests that were not red before it are red now"),
    ),
    "its own test still red, and another newly red": (
        lambda: after({"a": F, "b": F}, alone=["a"]),
        ("refuted", "some of its tests are still red"),
    ),
    "another test that had passed did not run": (lambda: after({"a": P, "b": N}, alone=["a"]), ("deployed", MISSED)),
    "another test that had passed is gone": (lambda: after(["a"], alone=["a"]), ("deployed", MISSED)),
    "another test that had passed is skipped": (lambda: after({"a": P, "b": S}, alone=["a"]), ("deployed", MISSED)),
    "users of their own": (
        lambda: after(["a", "b"], alone=["a"], remedy=LEASING, revision=NEW, changes=()),
        ("verified", ""),
    ),
    "users of their own, and its test still red": (
        lambda: after(RED, alone={"a": F}, remedy=LEASING, changes=()),
        ("refuted", "some of its tests are still red"),
    ),
    "users of their own, and not verified alone": (
        lambda: after(["a", "b"], remedy=LEASING, changes=()),
        ("applied", UNPROVEN),
    ),
    "users of their own, and the next deploy failed": (
        lambda: applied(LEASING).begin().does("deploy-backend", Outcome.FAILED),
        ("applied", "no suite has run with it"),
    ),
    "a crash changes nothing": (
        lambda: after(["a", "b"], alone=["a"]).emit(SessionResumed("resume")),
        ("verified", ""),
    ),
    "still verified after an iteration with the next remedy": (
        lambda: verified_and_on().runs(["a", "b"], verifies={"p1": ["b"]}, revision=NEWEST, changes=("r1", "r2")),
        ("verified", ""),
    ),
    "red again after the next remedy": (
        lambda: verified_and_on().runs(RED, verifies={"p1": ["b"]}, revision=NEWEST, changes=("r1", "r2")),
        ("refuted", "some of its tests are still red"),
    ),
}


def verified_and_on() -> Story:
    """Two remedies one after the other; the first is verified, and there is nothing after the second yet."""
    story = Story(plan()).runs(WORSE).diagnoses(ONE).cures("r1")
    story.runs({"a": P, "b": F}, verifies={"p1": ["a"]}, revision=NEWER, changes=("r1",))
    return story.diagnoses(OTHER).cures("r2")


@pytest.mark.parametrize(("tell", "expected"), JUDGED.values(), ids=JUDGED)
def test_how_an_applied_remedy_is_judged(tell: Callable[[], Story], expected: tuple[str, str]) -> None:
    first, *_ = ledger(tell().session)

    assert (first.state.value, first.reason) == expected


def passing_with(proof: Proof, *, alone: Proof = Proof.PROVEN) -> Story:
    story = applied().begin().deploys(revision=NEWER, changes=("r1",))
    story.tests("verify-p1", ["a"], proof=alone, revision=NEWER).tests("p1", ["a", "b"], proof=proof, revision=NEWER)
    return story.tests("events", ["c"], revision=NEWER)


@pytest.mark.parametrize(
    ("alone", "whole", "expected"),
    [
        (Proof.PROVEN, Proof.PROVEN, ("verified", 1, 1)),
        (Proof.CONFIRMED, Proof.CONFIRMED, ("verified", 1, 1)),
        (Proof.UNPROVEN, Proof.PROVEN, ("deployed", 0, 1)),
        (Proof.PROVEN, Proof.UNPROVEN, ("deployed", 1, 0)),
        (Proof.PROVEN, Proof.SUSPECT, ("deployed", 1, 0)),
        (Proof.BYPASSED, Proof.PROVEN, ("deployed", 0, 1)),
    ],
)
def test_only_passes_with_proof_verify(alone: Proof, whole: Proof, expected: tuple[str, int, int]) -> None:
    found = line(passing_with(whole, alone=alone))

    assert (found.state.value, found.own_alone, found.own_whole) == expected


def test_a_verified_line_tells_everything_that_was_measured() -> None:
    assert ledger(after(["a", "b"], alone=["a"]).session) == (
        Standing(
            remedy=ONE,
            iteration=1,
            state=RemedyState.VERIFIED,
            reason="",
            receipt=Receipt("r1", {"backend.AGENT_TIMEOUT": "1"}, {"backend.AGENT_TIMEOUT": "2.1"}),
            judged_in=2,
            revision=NEWER,
            own_alone=1,
            own_whole=1,
            newly_red=(),
        ),
    )


def test_a_line_that_was_not_applied_has_measured_nothing() -> None:
    assert ledger(proposed(ONE, mode=RemedyMode.OFF).session) == (
        Standing(ONE, 1, RemedyState.OPEN, "remedies are off", None, 0, "", None, None, ()),
    )


def test_a_regressed_line_names_what_is_newly_red() -> None:
    found = line(after({"a": P, "b": F}, {"c": F}, alone=["a"]))

    assert found.newly_red == named("events::c", "p1::b")
    assert (found.own_alone, found.own_whole) == (1, 1)


@pytest.mark.parametrize(
    ("p1", "expected"),
    [({"a": P, "b": F}, True), ({"a": F, "b": P}, True), (["a", "b"], False), ({"a": P, "b": N}, False)],
    ids=["another is newly red", "its own is still red", "verified", "not judged yet"],
)
def test_useless_is_what_broke_something_or_helped_none_of_its_own_tests(
    p1: dict[str, TestOutcome] | list[str], expected: bool
) -> None:
    alone = p1 if isinstance(p1, list) else {"a": p1["a"]}
    assert is_useless(line(after(p1, alone=alone)), 2) is expected


def test_a_remedy_that_turned_some_of_its_own_tests_green_is_refuted_and_stays() -> None:
    story = after({"a": F, "b": P}, alone={"a": F, "b": P}, remedy=BOTH, before=WORSE, changes=("r2",))

    assert line(story).state is RemedyState.REFUTED
    assert not is_useless(line(story), 2)


def test_what_was_taken_back_after_it_left_its_tests_red_counts_as_refuted() -> None:
    story = after({"a": F, "b": P}, alone={"a": F}).undoes("r1")

    assert line(story).state is RemedyState.ROLLED_BACK
    assert line(story).is_refuted


def test_a_remedy_for_a_step_alone_is_never_verified() -> None:
    story = after(["a", "b"], remedy=raising("r1"))

    assert (line(story).state, line(story).reason) == (
        RemedyState.DEPLOYED,
        "no test was red before it, so none can verify it",
    )


def test_what_did_not_run_is_not_told_as_nothing_passed() -> None:
    found = line(after(["a", "b"]))

    assert (found.own_alone, found.own_whole) == (None, 1)


def test_a_remedy_of_the_harness_names_no_revision() -> None:
    found = line(after(["a", "b"], alone=["a"], remedy=LEASING, changes=()))

    assert (found.state, found.revision, found.judged_in) == (RemedyState.VERIFIED, "", 2)


def test_a_remedy_that_waited_keeps_the_iteration_it_was_proposed_in() -> None:
    story = proposed(ONE, BOTH).cures("r1")
    story.runs({"a": P, "b": F}, verifies={"p1": ["a"]}, revision=NEWER, changes=("r1",)).diagnoses(BOTH).cures("r2")

    assert [(each.remedy.id, each.iteration, each.judged_in) for each in ledger(story.session)] == [
        ("r1", 1, 2),
        ("r2", 1, 0),
    ]
    assert ledger(story.session)[1].receipt == receipt("r2")


def test_a_test_that_is_red_alone_and_green_in_the_whole_run_is_no_pass_with_proof() -> None:
    found = line(after(["a", "b"], alone={"a": F}))

    assert (found.own_alone, found.own_whole) == (0, 0)


def test_remedies_are_told_in_the_order_of_proposal() -> None:
    assert [remedy_id for remedy_id, _, _ in lines(proposed(OTHER, ONE))] == ["r2", "r1"]


def test_what_was_refuted_stays_refuted_when_a_newer_remedy_changes_the_same_variable() -> None:
    newer = raising("r2", "p1::a", after="3.3")
    story = Story(plan()).runs(WORSE).diagnoses(raising("r1", "p1::a", "p1::b")).cures("r1")
    story.runs(RED, verifies={"p1": {"a": F, "b": P}}, revision=NEWER, changes=("r1",))
    assert lines(story) == [("r1", "refuted", "some of its tests are still red")]
    story.diagnoses(newer).cures("r2").runs(verifies={"p1": ["a"]}, revision=NEWEST, changes=("r2",))

    assert lines(story) == [("r1", "refuted", "some of its tests are still red"), ("r2", "verified", "")]


def test_what_was_verified_stays_verified_when_a_later_deploy_does_not_succeed() -> None:
    story = verified_and_on().begin().does("deploy-backend", Outcome.ERRORED, "timed_out")

    assert lines(story)[0] == ("r1", "verified", "")


@pytest.mark.parametrize("doubt", ["invalidated", "disagreement", "left_processes", "collection_error", "not_started"])
@pytest.mark.parametrize("step_id", ["verify-p1", "p1"])
def test_a_run_that_ended_in_doubt_verifies_nothing(step_id: str, doubt: str) -> None:
    story = applied().begin().deploys(revision=NEWER, changes=("r1",)).is_healthy(revision=NEWER)
    for each, tests in (("verify-p1", ["a"]), ("p1", ["a", "b"])):
        ended = (Outcome.INCOMPLETE, doubt) if each == step_id else (Outcome.PASSED,)
        story.tests(each, tests, *ended, revision=NEWER)
    story.tests("events", ["c"], revision=NEWER)

    assert lines(story) == [("r1", "deployed", f"{step_id} ended {doubt}")]


def test_an_iteration_that_was_cut_short_erases_nothing_that_was_measured() -> None:
    story = after({"a": P, "b": F}, alone=["a"]).diagnoses(OTHER).cures("r2")
    story.begin().deploys(revision=NEWEST, changes=("r1", "r2"))

    assert (line_of(story, "r1").state, line_of(story, "r1").judged_in) == (RemedyState.REGRESSED, 2)


def test_remedies_applied_together_say_so() -> None:
    story = Story(plan()).runs(WORSE).diagnoses(ONE, OTHER).cures("r1", "r2")

    assert [each.together_with for each in ledger(story.session)] == [(), ()]
    story.runs(["a", "b"], verifies={"p1": ["a", "b"]}, revision=NEWER, changes=("r1", "r2"))
    assert [each.together_with for each in ledger(story.session)] == [("r2",), ("r1",)]


def line_of(story: Story, remedy_id: str) -> Standing:
    return next(each for each in ledger(story.session) if each.remedy.id == remedy_id)
