"""When a suite is green, and every way in which it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from netra_loop.core.gate import Gate, GateMode, Tolerance
from netra_loop.core.outcome import Outcome, Proof, TestOutcome
from netra_loop.core.plan import SuiteRunner
from netra_loop.core.proof import Control, Facts
from netra_loop.core.seen import SuiteSeen
from netra_loop.core.suites import Counts, Proofs, count, count_proofs, graded, judge, judge_verification
from tests.stories import ended_test, suite

P, F, S = TestOutcome.PASSED, TestOutcome.FAILED, TestOutcome.SKIPPED
PART = Outcome.INCOMPLETE
N, T, X = TestOutcome.NOT_RUN, TestOutcome.TIMEOUT, TestOutcome.XFAILED
E = TestOutcome.ERROR
CLEAN = SuiteSeen("p1", 0, "itself", True, True, 0, {"backend": "r1"}, {"backend": "r1"})
RED = replace(CLEAN, exit_code=1)
CUT = replace(CLEAN, exit_code=130, ended_by="timeout", finished=False)

TABLE: dict[str, tuple[list[TestOutcome], SuiteSeen, Gate, Outcome, tuple[str, ...]]] = {
    "all passed": ([P, P], CLEAN, Gate(), Outcome.PASSED, ()),
    "one failed": ([P, F], RED, Gate(), Outcome.FAILED, ("failed_tests",)),
    "one failed within a count": ([P, F], RED, Gate(Tolerance(1)), Outcome.PASSED, ()),
    "one of twenty is not below 5 %": (
        [P] * 19 + [F],
        RED,
        Gate(Tolerance(below_percent=5)),
        Outcome.FAILED,
        ("failed_tests",),
    ),
    "one of twenty-one is below 5 %": ([P] * 20 + [F], RED, Gate(Tolerance(below_percent=5)), Outcome.PASSED, ()),
    "nothing collected": ([], replace(CLEAN, exit_code=5), Gate(), Outcome.INCOMPLETE, ("empty",)),
    "all skipped": ([S, S], CLEAN, Gate(), Outcome.INCOMPLETE, ("all_skipped",)),
    "one skipped": ([P, S], CLEAN, Gate(), Outcome.INCOMPLETE, ("skipped_tests",)),
    "one skipped and allowed": ([P, S], CLEAN, Gate(max_skipped=1), Outcome.PASSED, ()),
    "all skipped although allowed": ([S], CLEAN, Gate(max_skipped=1), Outcome.INCOMPLETE, ("all_skipped",)),
    "only expected failures": ([X], CLEAN, Gate(), Outcome.INCOMPLETE, ("nothing_passed",)),
    "ended by its timeout": ([P, T, N], CUT, Gate(), Outcome.INCOMPLETE, ("timed_out", "partial")),
    "ended by its timeout with a failure": (
        [F, T],
        CUT,
        Gate(),
        Outcome.FAILED,
        ("timed_out", "failed_tests"),
    ),
    "stopped": ([P, N], replace(CUT, ended_by="stop"), Gate(), Outcome.INCOMPLETE, ("stopped", "partial")),
    "exit 0 with a failure": ([P, F], CLEAN, Gate(), Outcome.FAILED, ("disagreement", "failed_tests")),
    "exit 1 without one": ([P], RED, Gate(), Outcome.INCOMPLETE, ("disagreement",)),
    "the stream has no end": (
        [P, N],
        replace(CLEAN, finished=False),
        Gate(),
        Outcome.INCOMPLETE,
        ("disagreement", "partial"),
    ),
    "it never started": (
        [],
        replace(CLEAN, exit_code=127, began=False, finished=False),
        Gate(),
        Outcome.ERRORED,
        ("not_started", "disagreement", "empty"),
    ),
    "it was stopped before it spoke": (
        [],
        replace(CLEAN, exit_code=-15, ended_by="stop", began=False, finished=False),
        Gate(),
        Outcome.INCOMPLETE,
        ("stopped", "empty"),
    ),
    "its time was over before it spoke": (
        [],
        replace(CLEAN, exit_code=-15, ended_by="timeout", began=False, finished=False),
        Gate(),
        Outcome.INCOMPLETE,
        ("timed_out", "empty"),
    ),
    "nothing collected with another exit code": ([], CLEAN, Gate(), Outcome.INCOMPLETE, ("disagreement", "empty")),
    "exit 5 although tests ran": (
        [P],
        replace(CLEAN, exit_code=5),
        Gate(),
        Outcome.INCOMPLETE,
        ("disagreement",),
    ),
    "an error counts as red": ([P, E], RED, Gate(), Outcome.FAILED, ("failed_tests",)),
    "an error within a count": ([P, E], RED, Gate(Tolerance(1)), Outcome.PASSED, ()),
    "an error and a failure are two": ([P, E, F], RED, Gate(Tolerance(1)), Outcome.FAILED, ("failed_tests",)),
    "exit 0 with an error": ([P, E], CLEAN, Gate(), Outcome.FAILED, ("disagreement", "failed_tests")),
    "exit 2 with a tolerated failure": (
        [P, F],
        replace(CLEAN, exit_code=2),
        Gate(Tolerance(1)),
        Outcome.INCOMPLETE,
        ("disagreement",),
    ),
    "exit 3 with a tolerated failure": (
        [P, F],
        replace(CLEAN, exit_code=3),
        Gate(Tolerance(1)),
        Outcome.INCOMPLETE,
        ("disagreement",),
    ),
    "exit 2 with everything passed": (
        [P],
        replace(CLEAN, exit_code=2),
        Gate(),
        Outcome.INCOMPLETE,
        ("disagreement",),
    ),
    "no exit code at all": ([P], replace(CLEAN, exit_code=None), Gate(), Outcome.INCOMPLETE, ("disagreement",)),
    "lines that contradict each other": (
        [P],
        replace(CLEAN, strange=1),
        Gate(),
        Outcome.INCOMPLETE,
        ("disagreement",),
    ),
    "lines that contradict each other in a suite that was stopped": (
        [P],
        replace(CUT, ended_by="stop", strange=1),
        Gate(),
        Outcome.INCOMPLETE,
        ("stopped", "disagreement"),
    ),
    "cut by -x": ([P, F, N], replace(RED, cut="stopping after 1 failures"), Gate(Tolerance(1)), PART, ("cut_short",)),
    "cut by an exit that a test asked for": (
        [P, N],
        replace(CLEAN, exit_code=2, cut="Exit: enough"),
        Gate(),
        PART,
        ("cut_short",),
    ),
    "cut, and says that all is well": ([P, N], replace(CLEAN, cut="Exit: enough"), Gate(), PART, ("cut_short",)),
    "told to stop after the last test": ([P, F], replace(RED, cut="stopping"), Gate(Tolerance(1)), Outcome.PASSED, ()),
    "ended by its timeout, as it says itself": (
        [P, N],
        replace(CUT, cut="KeyboardInterrupt: "),
        Gate(),
        PART,
        ("timed_out", "partial"),
    ),
    "silent for too long": ([P, T], replace(CUT, ended_by="idle"), Gate(), PART, ("idle",)),
    "its tests were rewritten": ([P], replace(CLEAN, changed=("a.py",)), Gate(), PART, ("tests_changed",)),
    "its target was changed and is as it was": (
        [P],
        replace(CLEAN, moved=("backend",)),
        Gate(),
        PART,
        ("invalidated",),
    ),
    "red where its target was changed": (
        [F, P],
        replace(RED, moved=("backend",)),
        Gate(),
        Outcome.INCOMPLETE,
        ("invalidated", "failed_tests"),
    ),
    "one deselected": ([P], replace(CLEAN, deselected=1), Gate(), Outcome.INCOMPLETE, ("deselected",)),
    "none deselected": ([P], replace(CLEAN, deselected=0), Gate(), Outcome.PASSED, ()),
    "exactly what the gate asks for": ([P, P], CLEAN, Gate(min_tests=2), Outcome.PASSED, ()),
    "exactly as fast as the gate believes": ([P], CLEAN, Gate(min_duration=5.0), Outcome.PASSED, ()),
    "stopped faster than the gate believes": (
        [P],
        replace(CUT, ended_by="stop"),
        Gate(min_duration=10),
        Outcome.INCOMPLETE,
        ("stopped",),
    ),
    "two skipped where one is allowed": ([P, S, S], CLEAN, Gate(max_skipped=1), Outcome.INCOMPLETE, ("skipped_tests",)),
    "skips and expected failures": ([S, X], CLEAN, Gate(max_skipped=1), Outcome.INCOMPLETE, ("nothing_passed",)),
    "only red ones, all forgiven": ([F], RED, Gate(Tolerance(1)), Outcome.PASSED, ()),
    "a red test weighs more than processes left behind": (
        [F],
        replace(RED, leaked=1),
        Gate(),
        Outcome.FAILED,
        ("left_processes", "failed_tests"),
    ),
    "a file that cannot be collected": (
        [P],
        replace(CLEAN, exit_code=2, collection_errors=("a.py: SyntaxError",)),
        Gate(),
        Outcome.ERRORED,
        ("collection_error",),
    ),
    "processes left behind": ([P], replace(CLEAN, leaked=2), Gate(), Outcome.ERRORED, ("left_processes",)),
    "processes of one that was stopped while it started them": (
        [P],
        replace(CUT, ended_by="stop", leaked=1),
        Gate(),
        Outcome.INCOMPLETE,
        ("stopped",),
    ),
    "another revision afterwards": (
        [P],
        replace(CLEAN, revisions_after={"backend": "r2"}),
        Gate(),
        Outcome.INCOMPLETE,
        ("invalidated",),
    ),
    "fewer than the gate asks for": ([P], CLEAN, Gate(min_tests=2), Outcome.INCOMPLETE, ("too_few_tests",)),
    "faster than the gate believes": ([P], CLEAN, Gate(min_duration=10), Outcome.INCOMPLETE, ("too_fast",)),
}


@pytest.mark.parametrize(("ends", "seen", "gate", "outcome", "reasons"), TABLE.values(), ids=TABLE)
def test_judge(
    ends: list[TestOutcome], seen: SuiteSeen, gate: Gate, outcome: Outcome, reasons: tuple[str, ...]
) -> None:
    tests = [ended_test(f"t{number}", end) for number, end in enumerate(ends)]

    assert judge(suite("p1"), gate, seen, tests, 5.0) == (outcome, reasons)


def test_fewer_tests_than_declared_are_never_green() -> None:
    assert judge(suite("p1", declared=3), Gate(), CLEAN, [ended_test("a")], 5.0) == (
        Outcome.INCOMPLETE,
        ("fewer_than_declared",),
    )


@pytest.mark.parametrize("declared", [1, 2])
def test_as_many_tests_as_declared_or_more_are_fine(declared: int) -> None:
    tests = [ended_test("a"), ended_test("b")]

    assert judge(suite("p1", declared=declared), Gate(), CLEAN, tests, 5.0) == (Outcome.PASSED, ())


def test_with_a_declared_number_only_that_number_matters_and_not_what_was_left_out() -> None:
    seen = replace(CLEAN, deselected=4)

    assert judge(suite("p1", declared=1), Gate(), seen, [ended_test("a")], 5.0) == (Outcome.PASSED, ())
    assert judge(suite("p1", declared=2), Gate(), seen, [ended_test("a")], 5.0) == (
        Outcome.INCOMPLETE,
        ("fewer_than_declared",),
    )


@pytest.mark.parametrize(
    ("declared", "last", "reasons"),
    [(None, 3, ("fewer_than_last_time",)), (None, 2, ()), (None, 1, ()), (None, None, ()), (2, 3, ())],
    ids=["fewer", "as many", "more", "nothing to compare with", "fewer, but as many as declared"],
)
def test_fewer_tests_than_last_time_are_never_green(
    declared: int | None, last: int | None, reasons: tuple[str, ...]
) -> None:
    tests = [ended_test("a"), ended_test("b")]
    told = judge(suite("p1", declared=declared), Gate(), CLEAN, tests, 5.0, last)

    assert told == (Outcome.INCOMPLETE if reasons else Outcome.PASSED, reasons)


def test_a_pass_that_nobody_graded_is_unproven() -> None:
    tests = [replace(ended_test("a"), proof=None), ended_test("b")]

    assert count_proofs(tests) == Proofs(proven=1, unproven=1)
    assert judge(suite("p1"), Gate(), CLEAN, tests, 5.0) == (Outcome.INCOMPLETE, ("unproven",))


def test_confirmed_and_proven_passes_count_and_no_others() -> None:
    tests = [ended_test(proof.value, proof=proof) for proof in Proof]

    assert count_proofs(tests) == Proofs(1, 1, 1, 1, 1)
    assert count_proofs(tests).counted == sum(proof.counts for proof in Proof) == 2


def test_only_a_pass_has_a_proof() -> None:
    failed = replace(ended_test("a", F), proof=Proof.PROVEN)

    assert count_proofs([failed]) == Proofs()


@pytest.mark.parametrize(("outcome", "attempt", "flaky"), [(P, 1, 0), (P, 2, 1), (P, 3, 1), (F, 2, 0), (E, 2, 0)])
def test_only_a_pass_after_the_first_attempt_is_flaky(outcome: TestOutcome, attempt: int, flaky: int) -> None:
    assert count([replace(ended_test("a", outcome), attempt=attempt)]).flaky == flaky


def test_a_gate_that_only_observes_tells_the_same_and_says_so() -> None:
    gate, failed = Gate(mode=GateMode.OBSERVE), ended_test("a", F)

    assert judge(suite("p1"), gate, RED, [failed], 5.0) == (Outcome.FAILED, ("failed_tests", "observed"))
    assert judge(suite("p1"), gate, CLEAN, [ended_test("a")], 5.0) == (Outcome.PASSED, ())


@pytest.mark.parametrize("proof", [Proof.UNPROVEN, Proof.SUSPECT, Proof.BYPASSED])
def test_a_pass_without_proof_is_never_green(proof: Proof) -> None:
    tests = [ended_test("a"), ended_test("b", proof=proof)]

    assert judge(suite("p1"), Gate(), CLEAN, tests, 5.0) == (Outcome.INCOMPLETE, ("unproven",))


def test_the_eight_outcomes_sum_to_what_was_collected_and_the_proofs_to_what_passed() -> None:
    tests = [ended_test(outcome.value, outcome) for outcome in TestOutcome]
    counts, proofs = count(tests), count_proofs(tests)

    assert counts == Counts(8, 1, 1, 1, 1, 1, 1, 1, 1, 0)
    assert proofs.confirmed + proofs.proven + proofs.unproven + proofs.suspect + proofs.bypassed == counts.passed


ALONE: dict[str, tuple[Mapping[str, TestOutcome], SuiteSeen, Outcome, tuple[str, ...]]] = {
    "all passed": ({"a": P, "b": P}, CLEAN, Outcome.PASSED, ()),
    "all passed and others were left out": ({"a": P, "b": P}, replace(CLEAN, deselected=23), Outcome.PASSED, ()),
    "one is red": ({"a": P, "b": F}, RED, Outcome.FAILED, ("failed_tests",)),
    "one is an error": ({"a": P, "b": E}, RED, Outcome.FAILED, ("failed_tests",)),
    "one is skipped": ({"a": P, "b": S}, CLEAN, Outcome.INCOMPLETE, ("partial",)),
    "one is expected to fail": ({"a": P, "b": X}, CLEAN, Outcome.INCOMPLETE, ("partial",)),
    "one did not run": ({"a": P, "b": N}, CLEAN, Outcome.INCOMPLETE, ("partial",)),
    "one is gone": ({"a": P}, CLEAN, Outcome.INCOMPLETE, ("partial",)),
    "none is there": ({}, replace(CLEAN, exit_code=5), Outcome.INCOMPLETE, ("partial",)),
    "none is there, and the process says that all is well": (
        {},
        CLEAN,
        Outcome.INCOMPLETE,
        ("disagreement", "partial"),
    ),
    "another is red too": ({"a": P, "b": P, "c": F}, RED, Outcome.PASSED, ()),
    "red and gone": ({"a": F}, RED, Outcome.FAILED, ("failed_tests", "partial")),
    "one was cut short": ({"a": P, "b": T}, CUT, Outcome.FAILED, ("timed_out", "failed_tests")),
    "stopped": (
        {"a": P, "b": N},
        replace(CUT, ended_by="stop"),
        Outcome.INCOMPLETE,
        ("stopped", "partial"),
    ),
    "exit 1 although both passed": ({"a": P, "b": P}, RED, Outcome.INCOMPLETE, ("disagreement",)),
    "it never started": (
        {},
        replace(CLEAN, exit_code=127, began=False, finished=False),
        Outcome.ERRORED,
        ("not_started", "disagreement", "partial"),
    ),
    "a file that cannot be collected": (
        {"a": P, "b": P},
        replace(CLEAN, exit_code=2, collection_errors=("a.py: SyntaxError",)),
        Outcome.ERRORED,
        ("collection_error",),
    ),
    "another revision afterwards": (
        {"a": P, "b": P},
        replace(CLEAN, revisions_after={"backend": "r2"}),
        Outcome.INCOMPLETE,
        ("invalidated",),
    ),
}


@pytest.mark.parametrize(("ends", "seen", "outcome", "reasons"), ALONE.values(), ids=ALONE)
def test_how_the_tests_that_remedies_are_to_turn_green_are_judged(
    ends: Mapping[str, TestOutcome], seen: SuiteSeen, outcome: Outcome, reasons: tuple[str, ...]
) -> None:
    tests = [ended_test(name, end) for name, end in ends.items()]

    assert judge_verification(SuiteRunner.PYTEST, ("a", "b"), seen, tests) == (outcome, reasons)


@pytest.mark.parametrize("proof", [None, Proof.UNPROVEN, Proof.SUSPECT, Proof.BYPASSED])
def test_a_pass_without_proof_verifies_nothing(proof: Proof | None) -> None:
    tests = [ended_test("a"), replace(ended_test("b"), proof=proof)]

    assert judge_verification(SuiteRunner.PYTEST, ("a", "b"), CLEAN, tests) == (Outcome.INCOMPLETE, ("unproven",))


COMMANDS = {
    "exit 0, none red": ([P, S], CLEAN, ()),
    "exit 0, one red": ([P, F], CLEAN, ("disagreement",)),
    "exit 1, none red": ([P], RED, ("disagreement",)),
    "exit 1, one red": ([P, F], RED, ()),
    "an exit code that pytest does not know": ([P, E], replace(CLEAN, exit_code=7), ()),
    "exit 0, no tests": ([], CLEAN, ()),
    "the report is not whole": ([P], replace(CLEAN, finished=False), ("disagreement",)),
    "the report contradicts itself": ([P], replace(CLEAN, strange=1), ("disagreement",)),
    "no exit code is known": ([P], replace(CLEAN, exit_code=None), ("disagreement",)),
    "no report": ([], replace(CLEAN, began=False, finished=False), ("not_started", "disagreement")),
}


@pytest.mark.parametrize(("ends", "seen", "reasons"), COMMANDS.values(), ids=COMMANDS)
def test_how_exit_code_and_report_of_a_command_are_held_against_each_other(
    ends: list[TestOutcome], seen: SuiteSeen, reasons: tuple[str, ...]
) -> None:
    tests = [ended_test(f"test_{number}", end) for number, end in enumerate(ends)]
    command = replace(suite("p1"), runner=SuiteRunner.COMMAND)

    told = judge(command, Gate(max_skipped=9), seen, tests, 1.0)[1]

    assert tuple(reason for reason in told if reason in ("not_started", "disagreement")) == reasons


def test_a_pass_is_graded_by_its_facts_and_its_control() -> None:
    told = replace(ended_test("a"), proof=None, facts=Facts(bytes_in=9, asserts=0, asserts_after=0))

    alone = graded(told, Control())
    assert (alone.proof, alone.sensitive, alone.reasons) == (Proof.SUSPECT, None, ("no assertion ran",))
    notices = graded(told, Control(F, F))
    assert (notices.proof, notices.sensitive, notices.reasons) == (Proof.PROVEN, True, ())


def test_a_pass_on_a_second_attempt_is_suspect() -> None:
    assert graded(replace(ended_test("a"), attempt=2), Control()).proof is Proof.SUSPECT


@pytest.mark.parametrize("outcome", [each for each in TestOutcome if each is not P])
def test_what_did_not_pass_is_given_no_proof(outcome: TestOutcome) -> None:
    test = graded(ended_test("a", outcome), Control(F, F))
    assert (test.proof, test.sensitive) == (None, True)
