"""What became of every remedy: computed from the tests that ran after it, never from what was hoped for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from netra_loop.core.events import TestResult
from netra_loop.core.knowledge import Seat
from netra_loop.core.outcome import RED_OUTCOMES, TestOutcome
from netra_loop.core.plan import Kind
from netra_loop.core.problem import Receipt, Remedy, TestName
from netra_loop.core.remediation import CODE_OR_IMAGE, GOES_FIRST, SAME_VARIABLE, considered, refusal_of
from netra_loop.core.results import results_of
from netra_loop.core.seen import Deployed
from netra_loop.core.session import ActRecord, Iteration, Session, cured, suite_seen, undone

Tests = Mapping[TestName, TestResult]


class RemedyState(Enum):
    """Where one remedy stands. VERIFIED: its own tests, red before, pass with proof after it, and nothing is newly red.

    OPEN: not applied, the reason says why. DEPLOYED: a later revision contains it, and its tests have not all spoken.
    NEEDS_REVIEW: not applied either, because it would change what only a person may change. ROLLED_BACK: taken back
    after it was refuted, or had regressed something.
    """

    OPEN = "open"
    DEFERRED = "deferred"
    APPLIED = "applied"
    DEPLOYED = "deployed"
    VERIFIED = "verified"
    REFUTED = "refuted"
    REGRESSED = "regressed"
    ROLLED_BACK = "rolled_back"
    NEEDS_REVIEW = "needs_review"


@dataclass(frozen=True, slots=True)
class Standing:
    """One line of the ledger: a remedy, its state, and what was measured of it.

    iteration: in which it was proposed. judged_in: the newest iteration that says something of it, 0 for none.
    own_alone and own_whole: how many of its own tests passed with proof, run alone first and in the whole run; None
    where they did not run. newly_red: tests that were not red before it and are after it. together_with: the remedies
    applied in the same iteration, so that only the tests tell their effects apart. judged: of one that was taken back,
    what it had been found to be.
    """

    remedy: Remedy
    iteration: int
    state: RemedyState
    reason: str = ""
    receipt: Receipt | None = None
    judged_in: int = 0
    revision: str = ""
    own_alone: int | None = None
    own_whole: int | None = None
    newly_red: tuple[TestName, ...] = ()
    together_with: tuple[str, ...] = ()
    judged: RemedyState | None = None

    @property
    def is_refuted(self) -> bool:
        """Whether it left its own tests red."""
        return RemedyState.REFUTED in (self.state, self.judged)


def ledger(session: Session) -> tuple[Standing, ...]:
    """Every remedy that was proposed, once, in the order of proposal, with where it stands now."""
    lines: dict[str, Standing] = {}
    for iteration in session.iterations:
        applied_now = {remedy.id for remedy in cured(iteration)}
        for remedy, reason in considered(session, iteration):
            known = lines.get(remedy.id)
            if known is None or known.state in (RemedyState.OPEN, RemedyState.DEFERRED):
                is_applied = remedy.id in applied_now
                line = _judged if is_applied else _not_applied
                now = line(session, iteration, remedy, reason)
                lines[remedy.id] = replace(now, iteration=known.iteration if known else iteration.number)
    return tuple(lines.values())


def is_useless(line: Standing, number: int) -> bool:
    """Whether an iteration has shown that a remedy broke something, or turned none of its own tests green."""
    helped = bool(line.own_whole or line.own_alone)
    return line.judged_in == number and (line.state is RemedyState.REGRESSED or (line.is_refuted and not helped))


def _not_applied(session: Session, iteration: Iteration, remedy: Remedy, reason: str) -> Standing:
    attempt = next((r.result for r in iteration.of_kind(Kind.CURE) if r.act.subject == remedy.id and r.result), None)
    if attempt is not None:
        receipt = attempt.seen if isinstance(attempt.seen, Receipt) else None
        state = RemedyState.NEEDS_REVIEW if receipt and receipt.violations else RemedyState.OPEN
        return Standing(remedy, iteration.number, state, "; ".join(attempt.reasons), receipt)
    waits = reason in (GOES_FIRST, SAME_VARIABLE, CODE_OR_IMAGE, refusal_of(iteration, remedy)) and bool(reason)
    return Standing(remedy, iteration.number, RemedyState.DEFERRED if waits else RemedyState.OPEN, reason)


def _judged(session: Session, iteration: Iteration, remedy: Remedy, _: str) -> Standing:
    """Judge an applied remedy by the newest iteration that ran suites after it."""
    receipt = _receipt(iteration, remedy)
    later = [each for each in _while_in_force(session, iteration, remedy) if _says_something(each, remedy)]
    if not later:
        return Standing(
            remedy, iteration.number, RemedyState.APPLIED, _nothing_later(session, iteration, remedy), receipt
        )
    spoken = [each for each in later if _has_spoken(session, each, remedy)]
    newest = (spoken or later)[-1]
    runs = _Runs(
        before=tests_of(session, iteration, Kind.SUITE),
        alone=tests_of(session, session.iterations[iteration.number], Kind.VERIFY),
        whole=tests_of(session, newest, Kind.SUITE),
    )
    state, reason = _state(iteration, newest, remedy, runs)
    deployed = newest.deployed(remedy.target)
    is_undone = any(remedy.id in undone(each) for each in session.iterations)
    return Standing(
        remedy=remedy,
        iteration=iteration.number,
        state=RemedyState.ROLLED_BACK if is_undone else state,
        judged=state if is_undone else None,
        reason=f"it was taken back: {reason}" if is_undone else reason,
        receipt=receipt,
        judged_in=newest.number,
        revision=deployed.revision if deployed and remedy.kind.seat is Seat.SERVICE else "",
        own_alone=_counted(runs.alone, remedy),
        own_whole=_counted(runs.whole, remedy),
        newly_red=runs.newly_red(remedy),
        together_with=tuple(other.id for other in cured(iteration) if other.id != remedy.id),
    )


def _while_in_force(session: Session, iteration: Iteration, remedy: Remedy) -> Sequence[Iteration]:
    """The iterations after the one that applied a remedy, up to that in which it was taken back."""
    later = session.iterations[iteration.number :]
    end = next((number for number, each in enumerate(later, start=1) if remedy.id in undone(each)), len(later))
    return later[:end]


def _says_something(iteration: Iteration, remedy: Remedy) -> bool:
    """Whether an iteration contains the remedy: later ones may have replaced it, or not have come to a deploy."""
    if remedy.kind.seat is Seat.HARNESS:
        return bool(_tests(iteration))
    deployed = iteration.deployed(remedy.target)
    return deployed is not None and remedy.id in deployed.changes


def _has_spoken(session: Session, iteration: Iteration, remedy: Remedy) -> bool:
    """Whether the remedy's own tests have all ended in the whole run of an iteration; one cut short erases nothing."""
    whole = tests_of(session, iteration, Kind.SUITE)
    return all(name in whole and whole[name].outcome is not TestOutcome.NOT_RUN for name in remedy.tests)


def _nothing_later(session: Session, iteration: Iteration, remedy: Remedy) -> str:
    if not any(each.of_kind(Kind.DEPLOY) or _tests(each) for each in session.iterations[iteration.number :]):
        return "no later iteration has begun"
    return "no later revision contains it" if remedy.kind.seat is Seat.SERVICE else "no suite has run with it"


@dataclass(frozen=True, slots=True)
class _Runs:
    """The tests of the iteration before a remedy, its own tests run alone after it, and the whole run after it."""

    before: Tests
    alone: Tests
    whole: Tests

    def newly_red(self, remedy: Remedy) -> tuple[TestName, ...]:
        return tuple(sorted(_red(self.whole) - set(remedy.tests) - _red(self.before)))

    @property
    def is_whole(self) -> bool:
        """Whether every test that had passed with proof does so again, or is red: only then nothing got lost."""
        before = {name for name, result in self.before.items() if counts(result)}
        return before <= {name for name, result in self.whole.items() if counts(result)} | _red(self.whole)


def _state(before: Iteration, after: Iteration, remedy: Remedy, runs: _Runs) -> tuple[RemedyState, str]:
    """The state of an applied remedy, and the reason where it is not what was hoped for."""
    pending = RemedyState.APPLIED
    if remedy.kind.seat is Seat.SERVICE:
        old, new = before.deployed(remedy.target), after.deployed(remedy.target)
        pending = RemedyState.DEPLOYED
        if old is not None and new is not None and old.revision == new.revision:
            return pending, "the revision is the one it was to change"
        if new is not None and not _met_only(after, new):
            return pending, f"not every suite met revision {new.revision}"
    if (doubt := _doubt(after, remedy)) is not None:
        return pending, doubt
    if not remedy.tests:
        return pending, "no test was red before it, so none can verify it"
    own = [run.get(name) for run in (runs.alone, runs.whole) for name in remedy.tests]
    if any(result is not None and result.outcome in RED_OUTCOMES for result in own):
        return RemedyState.REFUTED, "some of its tests are still red"
    if runs.newly_red(remedy):
        return RemedyState.REGRESSED, "tests that were not red before it are red now"
    if not all(result is not None and counts(result) for result in own):
        return pending, "its tests have not all passed with proof, alone and in the whole run"
    if not runs.is_whole:
        return pending, "not every test that had passed with proof before did so again"
    return RemedyState.VERIFIED, ""


_DOUBTS = frozenset({"invalidated", "disagreement", "left_processes", "collection_error", "not_started", "stopped"})


def _doubt(after: Iteration, remedy: Remedy) -> str | None:
    """What makes a run of the remedy's own tests say nothing, whatever its tests said; None where nothing does."""
    suites = {name.suite for name in remedy.tests}
    for record in _tests(after):
        reasons = set(record.result.reasons) & _DOUBTS if record.result else set()
        if record.act.subject in suites and reasons:
            return f"{record.act.step} ended {', '.join(sorted(reasons))}"
    return None


def _met_only(iteration: Iteration, deployed: Deployed) -> bool:
    """Whether every suite of an iteration that names the revision of a target names the deployed one, start to end."""
    seen = [each for record in _tests(iteration) if (each := suite_seen(record)) is not None]
    met = {named.get(deployed.target) for each in seen for named in (each.revisions, each.revisions_after)}
    return met <= {None, deployed.revision}


def _tests(iteration: Iteration) -> tuple[ActRecord, ...]:
    return (*iteration.of_kind(Kind.VERIFY), *iteration.of_kind(Kind.SUITE))


def tests_of(session: Session, iteration: Iteration, kind: Kind) -> Tests:
    """The results of all tests of an iteration's suites, or of the tests that remedies were verified with."""
    return {
        TestName(record.act.subject, result.id): result
        for record in iteration.of_kind(kind)
        for result in results_of(session, record)
    }


def _red(tests: Tests) -> set[TestName]:
    return {name for name, result in tests.items() if result.outcome in RED_OUTCOMES}


def counts(result: TestResult) -> bool:
    """Whether a test passed with proof."""
    return result.outcome is TestOutcome.PASSED and result.proof is not None and result.proof.counts


def _counted(tests: Tests, remedy: Remedy) -> int | None:
    """How many of a remedy's own tests passed with proof; None where none of them was collected."""
    own = [tests[name] for name in remedy.tests if name in tests]
    return sum(map(counts, own)) if own else None


def _receipt(iteration: Iteration, remedy: Remedy) -> Receipt | None:
    for record in iteration.of_kind(Kind.CURE):
        if record.act.subject == remedy.id and record.result and isinstance(record.result.seen, Receipt):
            return record.result.seen
    return None
