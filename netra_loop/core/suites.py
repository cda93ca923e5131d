"""How a suite ended, from what its process and each of its tests did. Pure rules, the worst of them decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from netra_loop.core.events import TestResult
from netra_loop.core.gate import Gate, GateMode
from netra_loop.core.outcome import RED_OUTCOMES, Outcome, Proof, TestOutcome, worst
from netra_loop.core.plan import Suite, SuiteRunner
from netra_loop.core.proof import Control, grade
from netra_loop.core.seen import SuiteSeen
from netra_loop.core.selection import selection_reasons

INVALIDATED = "invalidated"


@dataclass(frozen=True, slots=True)
class Counts:
    """How the tests of a suite, or of several, ended; the eight outcomes sum to `collected`."""

    collected: int = 0
    passed: int = 0
    failed: int = 0
    error: int = 0
    skipped: int = 0
    xfailed: int = 0
    xpassed: int = 0
    timeout: int = 0
    not_run: int = 0
    flaky: int = 0


@dataclass(frozen=True, slots=True)
class Proofs:
    """How well the passed tests are shown; the five sum to `passed`."""

    confirmed: int = 0
    proven: int = 0
    unproven: int = 0
    suspect: int = 0
    bypassed: int = 0

    @property
    def counted(self) -> int:
        return self.confirmed + self.proven


def count(tests: Sequence[TestResult]) -> Counts:
    """The balance of these tests, one result for each."""
    ended = {outcome.value: sum(test.outcome is outcome for test in tests) for outcome in TestOutcome}
    flaky = sum(test.outcome is TestOutcome.PASSED and test.attempt > 1 for test in tests)
    return Counts(collected=len(tests), flaky=flaky, **ended)


def count_proofs(tests: Sequence[TestResult]) -> Proofs:
    """The proofs of the passed among these tests; a pass without a grade is unproven."""
    grades = [test.proof or Proof.UNPROVEN for test in tests if test.outcome is TestOutcome.PASSED]
    return Proofs(**{proof.value: grades.count(proof) for proof in Proof})


def graded(test: TestResult, control: Control) -> TestResult:
    """The test with its proof, if it passed, and with what the negative control says of it."""
    if test.outcome is not TestOutcome.PASSED:
        return replace(test, sensitive=control.sensitive)
    proof, reasons = grade(test.facts, control, passed_on_rerun=test.attempt > 1)
    return replace(test, proof=proof, reasons=reasons, sensitive=control.sensitive)


def judge(
    suite: Suite, gate: Gate, seen: SuiteSeen, tests: Sequence[TestResult], duration_s: float, last: int | None = None
) -> tuple[Outcome, tuple[str, ...]]:
    """The outcome of a suite and every reason against a clean pass; PASSED has none.

    FAILED for more red tests than the gate forgives, ERRORED where the runner could not do its work, INCOMPLETE where
    less was seen than was asked: nothing collected, cut short, skipped, passes without proof, a revision or a test file
    that changed; where the revision did, no test is red either. last: how many it collected in an earlier session,
    None where that is not known. A gate that only observes says so as the last reason.
    """
    counts = count(tests)
    findings = [
        *_process(suite.runner, seen, counts),
        *((Outcome.INCOMPLETE, r) for r in selection_reasons(suite, counts.collected, seen.deselected, last)),
        *_collection(gate, seen, counts),
        *_tests(gate, counts, count_proofs(tests)),
    ]
    if counts.collected and seen.ended_by == "itself" and duration_s < gate.min_duration:
        findings.append((Outcome.INCOMPLETE, "too_fast"))
    if findings and gate.mode is GateMode.OBSERVE:
        findings.append((Outcome.PASSED, "observed"))
    return _concluded(findings)


def judge_verification(
    runner: SuiteRunner, wanted: Sequence[str], seen: SuiteSeen, tests: Sequence[TestResult]
) -> tuple[Outcome, tuple[str, ...]]:
    """The outcome of exactly these tests, run alone where the runner can: PASSED when every one passed with proof."""
    ended = {test.id: test for test in tests}
    red = [name for name in wanted if name in ended and ended[name].outcome in RED_OUTCOMES]
    proofs = [ended[name].proof for name in wanted if name in ended and ended[name].outcome is TestOutcome.PASSED]
    findings = [*_process(runner, seen, count(tests))]
    if red:
        findings.append((Outcome.FAILED, "failed_tests"))
    if len(red) + len(proofs) < len(wanted):
        findings.append((Outcome.INCOMPLETE, "partial"))
    if any(proof is None or not proof.counts for proof in proofs):
        findings.append((Outcome.INCOMPLETE, "unproven"))
    return _concluded(findings)


Findings = Iterator[tuple[Outcome, str]]


def _concluded(findings: Sequence[tuple[Outcome, str]]) -> tuple[Outcome, tuple[str, ...]]:
    """The worst finding decides; but no red test is held against a revision that it may not have met."""
    reasons = tuple(reason for _, reason in findings)
    outcomes = [outcome for outcome, _ in findings if outcome is not Outcome.FAILED or INVALIDATED not in reasons]
    return worst((Outcome.PASSED, *outcomes)), reasons


def _process(runner: SuiteRunner, seen: SuiteSeen, counts: Counts) -> Findings:
    if not seen.began and seen.ended_by == "itself":
        yield Outcome.ERRORED, "not_started"
    if seen.collection_errors:
        yield Outcome.ERRORED, "collection_error"
    if seen.leaked and seen.ended_by == "itself":  # what was ended from outside had no chance to end its own
        yield Outcome.ERRORED, "left_processes"
    if seen.ended_by == "timeout":
        yield Outcome.INCOMPLETE, "timed_out"
    if seen.ended_by == "idle":
        yield Outcome.INCOMPLETE, "idle"
    if seen.ended_by == "stop":
        yield Outcome.INCOMPLETE, "stopped"
    if seen.strange or (seen.ended_by == "itself" and not seen.collection_errors and _disagrees(runner, seen, counts)):
        yield Outcome.INCOMPLETE, "disagreement"
    if seen.revisions != seen.revisions_after or seen.moved:
        yield Outcome.INCOMPLETE, INVALIDATED
    if seen.changed:
        yield Outcome.INCOMPLETE, "tests_changed"


def _disagrees(runner: SuiteRunner, seen: SuiteSeen, counts: Counts) -> bool:
    """Whether exit code, end of the stream or report, and tests tell different stories."""
    if not seen.finished:
        return True
    match runner:
        case SuiteRunner.PYTEST:
            return _disagrees_with_pytest(seen, counts)
        case SuiteRunner.COMMAND:
            return (seen.exit_code == 0) is bool(counts.failed + counts.error)
    assert_never(runner)


def _disagrees_with_pytest(seen: SuiteSeen, counts: Counts) -> bool:
    """By the exit codes of pytest: 0 clean, 1 red, 2 cut, 5 none."""
    if counts.collected == 0:
        return seen.exit_code != 5
    if _cut_short(seen, counts) and seen.exit_code == 2:
        return False
    return seen.exit_code != (1 if counts.failed + counts.error else 0)


def _cut_short(seen: SuiteSeen, counts: Counts) -> bool:
    """Whether the runner stopped by itself before every test had run: `-x`, `--maxfail`, an exit that a test wants."""
    return bool(counts.not_run and seen.cut) and seen.ended_by == "itself"


def _collection(gate: Gate, seen: SuiteSeen, counts: Counts) -> Findings:
    if counts.collected == 0:
        return
    if counts.skipped == counts.collected:
        yield Outcome.INCOMPLETE, "all_skipped"
    if counts.not_run:
        yield Outcome.INCOMPLETE, "cut_short" if _cut_short(seen, counts) else "partial"
    if counts.collected < gate.min_tests:
        yield Outcome.INCOMPLETE, "too_few_tests"
    if gate.max_skipped < counts.skipped < counts.collected:
        yield Outcome.INCOMPLETE, "skipped_tests"


def _tests(gate: Gate, counts: Counts, proofs: Proofs) -> Findings:
    red = counts.failed + counts.error
    if not gate.tolerance.forgives(red, counts.collected):
        yield Outcome.FAILED, "failed_tests"
    if proofs.counted < counts.passed:
        yield Outcome.INCOMPLETE, "unproven"
    if counts.collected and counts.passed == 0 and counts.skipped < counts.collected and not red:
        yield Outcome.INCOMPLETE, "nothing_passed"
