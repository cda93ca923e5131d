"""What each test of a suite's act came to, when everything that was seen of it before is held against it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from netra_loop.core.events import TestResult
from netra_loop.core.outcome import RED_OUTCOMES, Outcome, Proof, TestOutcome
from netra_loop.core.plan import TESTING, Kind
from netra_loop.core.problem import TestName
from netra_loop.core.seen import Deployed
from netra_loop.core.session import ActRecord, Iteration, Session, cured, suite_seen

_LOOKED_AT = (Kind.DEPLOY, Kind.HEALTH, Kind.WEBSOCKET)


def results_of(session: Session, record: ActRecord) -> tuple[TestResult, ...]:
    """One result for every test of a suite's act, in the order of collection.

    The last attempt of each test speaks; one that only a broken attempt collected is NOT_RUN. A test that was running
    when its process was ended is TIMEOUT, one whose process ended by itself ERROR, any other without an end NOT_RUN.
    A pass after a red end is flaky, SUSPECT, and does not count, be it in this act, in a broken attempt of it or in an
    act before it that met the same images; unless a remedy that was for this very test was applied in between. A test
    that was red before and is not there any more is NOT_RUN.
    """
    last: dict[str, TestResult] = {}
    red_before = _red_without_change(session, record) | _red(r for log in record.earlier for r in log.results)
    for result in record.tests.results:
        earlier = last.get(result.id)
        if earlier is not None and earlier.outcome in RED_OUTCOMES:
            red_before |= {result.id}
        last[result.id] = result
    missing = (test for log in record.earlier for test in log.collected)
    gone = _red_earlier(session, record) if record.tests.collected and record.act.kind is Kind.SUITE else ()
    known = dict.fromkeys((*record.tests.collected, *last, *missing, *gone))
    return tuple(_final(test, last.get(test), record, test in red_before) for test in known)


def _final(test: str, result: TestResult | None, record: ActRecord, red_before: bool) -> TestResult:
    if result is None:
        return _without_end(test, record)
    if result.outcome is TestOutcome.PASSED and _is_invalidated(record) and result.proof and result.proof.counts:
        why = "its target was changed while the suite ran"
        result = replace(result, proof=Proof.UNPROVEN, reasons=(why, *result.reasons))
    if result.outcome is TestOutcome.PASSED and red_before:
        doubt = "passed only on a rerun, nothing changed in between"
        worse = result.proof if result.proof in (Proof.BYPASSED, Proof.UNPROVEN) else Proof.SUSPECT
        return replace(result, proof=worse, reasons=(doubt, *result.reasons), attempt=max(2, result.attempt))
    return result


def _is_invalidated(record: ActRecord) -> bool:
    """Whether nobody can say which revision a suite's tests met."""
    seen = suite_seen(record)
    return seen is not None and (seen.revisions != seen.revisions_after or bool(seen.moved))


def _without_end(test: str, record: ActRecord) -> TestResult:
    """A test that never told its end, by how its process ended; unknown while it runs, and where we stopped it."""
    ended_by = record.handle.get("ended_by", "")
    if test not in record.tests.started or ended_by in ("", "stop"):
        return TestResult(test, TestOutcome.NOT_RUN)
    if ended_by == "itself":
        return TestResult(test, TestOutcome.ERROR, message="the process ended while this test ran")
    return TestResult(test, TestOutcome.TIMEOUT)


def _red(results: Iterable[TestResult]) -> frozenset[str]:
    return frozenset(result.id for result in results if result.outcome in RED_OUTCOMES)


def _red_without_change(session: Session, record: ActRecord) -> frozenset[str]:
    """The tests that were red in an act before this one that met the same images, and that no remedy since was for."""
    number = record.act.iteration
    red: frozenset[str] = frozenset()
    for iteration in session.iterations[:number]:
        others = [other for other in _same_suite(iteration, record) if other.tests.collected]
        if others and _images(iteration) != _images(session.iterations[number - 1]):
            red = frozenset()
        elif others:
            red |= _doubtful(result for other in others for result in results_of(session, other))
        if iteration.number < number:
            red -= {n.test for remedy in cured(iteration) for n in remedy.tests if n.suite == record.act.subject}
    return red


def _red_earlier(session: Session, record: ActRecord) -> tuple[str, ...]:
    """The tests of the same suite that were red in the iteration before."""
    if record.act.iteration == 1:
        return ()
    before = session.iterations[record.act.iteration - 2]
    return tuple(name.test for name in red_tests(session, before) if name.suite == record.act.subject)


def _same_suite(iteration: Iteration, record: ActRecord) -> Iterable[ActRecord]:
    """The acts that ran the same suite before."""
    for other in iteration.acts.values():
        if other.act.kind in TESTING and other.act.subject == record.act.subject and other.started < record.started:
            yield other


def _doubtful(results: Iterable[TestResult]) -> frozenset[str]:
    """The tests that were red, or passed only after a red end."""
    known = tuple(results)
    return _red(known) | {r.id for r in known if r.outcome is TestOutcome.PASSED and r.attempt > 1}


def _images(iteration: Iteration) -> frozenset[tuple[str, str]]:
    seen = (record.result.seen for record in iteration.of_kind(Kind.DEPLOY) if record.result)
    return frozenset((each.target, each.image_digest) for each in seen if isinstance(each, Deployed))


def failed_steps(iteration: Iteration) -> tuple[ActRecord, ...]:
    """The deploys and checks of services that did not pass; a deploy only if it came as far as the cloud."""
    records = (record for kind in _LOOKED_AT for record in iteration.of_kind(kind))
    return tuple(
        record
        for record in records
        if record.result is not None
        and record.result.outcome in (Outcome.FAILED, Outcome.ERRORED)
        and (record.act.kind is not Kind.DEPLOY or "image" in record.handle)
    )


def red_tests(session: Session, iteration: Iteration) -> tuple[TestName, ...]:
    """The red tests of an iteration's suites."""
    return tuple(
        TestName(record.act.subject, result.id)
        for record in iteration.of_kind(Kind.SUITE)
        for result in results_of(session, record)
        if result.outcome in RED_OUTCOMES
    )
