"""The parts of `result.json` that tell what broke, what was done about it, and what the session before had seen."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from netra_loop.core.history import retried_tests
from netra_loop.core.holding import held
from netra_loop.core.ledger import Standing, ledger
from netra_loop.core.outcome import TestOutcome
from netra_loop.core.plan import Kind
from netra_loop.core.problem import Problem, Receipt, Why
from netra_loop.core.remediation import to_verify
from netra_loop.core.results import red_tests, results_of
from netra_loop.core.session import Iteration, Session, diagnosed
from netra_loop.core.suites import count, count_proofs
from netra_loop.views.history import sightings_told
from netra_loop.views.told import act_told, evidence_told, test_told

Document = dict[str, Any]
FOLLOW_UPS = (Kind.DIAGNOSE, Kind.ASK, Kind.CURE, Kind.UNDO)


def problems_of(session: Session) -> list[Document]:
    """Every problem of every iteration; one that came back stands there once for each."""
    retried = retried_tests(session)
    return [
        _problem(session, iteration, problem, told_in) | {"history": sightings_told(session, problem, retried)}
        for iteration in session.iterations
        if (found := diagnosed(iteration)) is not None
        for told_in in (iteration.of_kind(Kind.DIAGNOSE)[0].entry,)
        for problem in found.problems
    ]


def _problem(session: Session, iteration: Iteration, problem: Problem, told_in: int) -> Document:
    ours = set(problem.tests)
    found = diagnosed(iteration)
    remedies = found.remedies if found else ()
    proposed = {remedy.id for remedy in remedies if remedy.problem == problem.id or ours & set(remedy.tests)}
    return {
        "id": problem.id,
        "iteration": iteration.number,
        "signature": problem.signature,
        "title": problem.title,
        "tests": [name.test for name in problem.tests],
        "tests_red": len(problem.tests),
        "steps": list(problem.steps),
        "suites": list(dict.fromkeys(name.suite for name in problem.tests)),
        "whys": [_why(why, told_in) for why in problem.whys],
        "root_cause": problem.root_cause or None,
        "remedies": [standing.remedy.id for standing in ledger(session) if standing.remedy.id in proposed],
    }


def _why(why: Why, told_in: int) -> Document:
    return {
        "claim": why.claim,
        "status": why.status.value,
        "figures": dict(why.figures),
        "evidence": [evidence_told(evidence, told_in) for evidence in why.evidence],
        "undecided": why.undecided or None,
        "by": why.by or None,
    }


def consulted_of(session: Session) -> list[Document]:
    """How an outside program was asked, a row for each diagnosis that did."""
    return [
        {"iteration": iteration.number} | asdict(found.consulted) | {"failure": found.consulted.failure or None}
        for iteration in session.iterations
        if (found := diagnosed(iteration)) is not None and found.consulted is not None
    ]


def remedies_of(session: Session) -> list[Document]:
    """The ledger: every remedy that was proposed, with what it was to do and what it did."""
    return [_remedy(session, standing) for standing in ledger(session)]


def _remedy(session: Session, standing: Standing) -> Document:
    remedy = standing.remedy
    receipt = standing.receipt
    return {
        "id": remedy.id,
        "iteration": standing.iteration,
        "cause": remedy.problem,
        "kind": remedy.kind.value,
        "seat": remedy.kind.seat.value,
        "target": remedy.target or None,
        "change": remedy.change,
        "before": remedy.before,
        "after": remedy.after or None,
        "figures": dict(remedy.figures),
        "state": standing.state.value,
        "reason": standing.reason or None,
        "together_with": list(standing.together_with),
        "tests": [name.test for name in remedy.tests],
        "expected": {"tests_passing": len(remedy.tests), "newly_red": 0},
        "measured": _measured(standing),
        "receipt": _receipt(session, receipt) if receipt else None,
        "permanent": remedy.permanent or None,
    }


def _receipt(session: Session, receipt: Receipt) -> Document:
    records = (record for iteration in session.iterations for record in iteration.of_kind(Kind.CURE))
    told_in = next(record.entry for record in records if record.result and record.result.seen == receipt)
    return asdict(receipt) | {
        "before": dict(receipt.before),
        "after": dict(receipt.after),
        "commit": receipt.commit or None,
        "diff": evidence_told(receipt.diff, told_in) if receipt.diff else None,
        "violations": list(receipt.violations),
    }


def _measured(standing: Standing) -> Document | None:
    """What was seen after it was applied; None while nothing was."""
    if not standing.judged_in:
        return None
    return {
        "iteration": standing.judged_in,
        "revision": standing.revision or None,
        "passing_alone": standing.own_alone,
        "passing_in_whole_run": standing.own_whole,
        "newly_red": [name.test for name in standing.newly_red],
        "newly_red_count": len(standing.newly_red),
    }


def verifications_of(session: Session, iteration: Iteration) -> list[Document]:
    """The tests that remedies were to turn green, run alone before everything else, a row a suite."""
    wanted = to_verify(session, iteration)
    return [
        {
            **act_told(record),
            "suite": record.act.subject,
            "user": record.act.user or None,
            "wanted": len(wanted.get(record.act.subject, ())),
            "counts": asdict(count(tests)),
            "counted": count_proofs(tests).counted,
            "tests": [test_told(test) for test in tests],
        }
        for record in iteration.of_kind(Kind.VERIFY)
        for tests in (results_of(session, record),)
    ]


def previous_of(session: Session) -> Document:
    """The session before, and what changed since; compared test by test only for the same focus and environment."""
    before = session.before
    if before is None:
        return {"session_id": session.previous} if session.previous else {}
    same = (before.focus, before.environment) == (session.plan.focus, session.plan.environment.name)
    newest = session.iterations[-1] if session.iterations else None
    red = [f"{name.suite}::{name.test}" for name in red_tests(session, newest)] if newest else []
    green = _green(session, newest) if newest else set()
    changes = {
        "newly_red": [name for name in red if name not in before.red] if same else [],
        "still_red": [name for name in red if name in before.red] if same else [],
        "green_again": [name for name in before.red if name in green] if same else [],
    }
    return {
        "session_id": before.session_id,
        "focus": before.focus,
        "environment": before.environment,
        "verdict": before.verdict or None,
        "exit_code": before.exit_code,
        "collected": before.collected,
        "counted": before.counted,
        "is_comparable": same,
        **changes,
        "changes": {title: len(names) for title, names in changes.items()},
        "repairs": [
            {
                "change": repair.change,
                "state": state.value,
                "tests": len(repair.tests),
                "tests_red": len(red),
                "red": [f"{name.suite}::{name.test}" for name in red],
            }
            for repair, state, red in held(session)
        ],
    }


def _green(session: Session, iteration: Iteration) -> set[str]:
    return {
        f"{record.act.subject}::{result.id}"
        for record in iteration.of_kind(Kind.SUITE)
        for result in results_of(session, record)
        if result.outcome is TestOutcome.PASSED and result.proof is not None and result.proof.counts
    }
