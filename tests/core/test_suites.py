"""When a suite is green, and every way in which it is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netra_loop.core.events import SuiteSeen
from netra_loop.core.outcome import Outcome, Proof, TestOutcome
from netra_loop.core.plan import Gate, Tolerance
from netra_loop.core.suites import Counts, count, count_proofs, judge
from tests.stories import ended_test, suite

P, F, S = TestOutcome.PASSED, TestOutcome.FAILED, TestOutcome.SKIPPED
N, T, X = TestOutcome.NOT_RUN, TestOutcome.TIMEOUT, TestOutcome.XFAILED
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
    "a file that cannot be collected": (
        [P],
        replace(CLEAN, exit_code=2, collection_errors=("a.py: SyntaxError",)),
        Gate(),
        Outcome.ERRORED,
        ("collection_error",),
    ),
    "processes left behind": ([P], replace(CLEAN, leaked=2), Gate(), Outcome.ERRORED, ("left_processes",)),
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


@pytest.mark.parametrize("proof", [Proof.UNPROVEN, Proof.SUSPECT, Proof.BYPASSED])
def test_a_pass_without_proof_is_never_green(proof: Proof) -> None:
    tests = [ended_test("a"), ended_test("b", proof=proof)]

    assert judge(suite("p1"), Gate(), CLEAN, tests, 5.0) == (Outcome.INCOMPLETE, ("unproven",))


def test_the_eight_outcomes_sum_to_what_was_collected_and_the_proofs_to_what_passed() -> None:
    tests = [ended_test(outcome.value, outcome) for outcome in TestOutcome]
    counts, proofs = count(tests), count_proofs(tests)

    assert counts == Counts(8, 1, 1, 1, 1, 1, 1, 1, 1, 0)
    assert proofs.confirmed + proofs.proven + proofs.unproven + proofs.suspect + proofs.bypassed == counts.passed
