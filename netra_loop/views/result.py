"""`result.json`: every number there is about a session. The worklog prints from this and from nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from netra_loop.core.agenda import Standing, phase_outcome, standing
from netra_loop.core.byhand import by_hand, in_order
from netra_loop.core.codec import timestamp
from netra_loop.core.control import still_passing
from netra_loop.core.logs import LogsSeen
from netra_loop.core.outcome import RED_OUTCOMES, Outcome
from netra_loop.core.plan import Kind, Phase, Step, Suite
from netra_loop.core.problem import Diagnosed
from netra_loop.core.remediation import applied
from netra_loop.core.results import results_of
from netra_loop.core.rollback import not_undone
from netra_loop.core.seen import ControlSeen, SuiteSeen
from netra_loop.core.session import Iteration, Session
from netra_loop.core.statistics import wilson
from netra_loop.core.suites import count, count_proofs
from netra_loop.core.verdict import conclude
from netra_loop.views.compliance import compliance_of
from netra_loop.views.history import history_of
from netra_loop.views.latencies import calibration_of
from netra_loop.views.next_actions import next_actions, with_earlier
from netra_loop.views.patterns import log_told
from netra_loop.views.problems import (
    FOLLOW_UPS,
    consulted_of,
    previous_of,
    problems_of,
    remedies_of,
    verifications_of,
)
from netra_loop.views.services import revisions_of, service_of
from netra_loop.views.signals import signals_of
from netra_loop.views.told import act_told, evidence_told, seconds_between, test_told
from netra_loop.views.value import value_of

SCHEMA_VERSION = 1

Document = dict[str, Any]
T = TypeVar("T")


def result_of(session: Session) -> Document:
    """The session as plain data, complete at every moment; an unfinished one has no verdict and no exit code."""
    iterations = [_iteration(session, iteration) for iteration in session.iterations]
    document: Document = {
        "schema_version": SCHEMA_VERSION,
        "session_id": session.id,
        "verdict": session.verdict.colour.value if session.verdict else None,
        "reason": session.verdict.reason if session.verdict else f"in progress; so far: {conclude(session).reason}",
        "exit_code": session.verdict.exit_code if session.verdict else None,
        "focus": session.plan.focus,
        "environment": session.plan.environment.name,
        "endpoint": session.plan.environment.endpoint,
        "project": session.plan.environment.project,
        "region": session.plan.environment.region,
        "command": session.command,
        "version": session.version,
        "started": timestamp(session.opened),
        "finished": timestamp(session.at) if session.verdict else None,
        "updated": timestamp(session.at),
        "duration_s": seconds_between(session.opened, session.at),
        "last_entry": session.seq,
        "plan": session.plan.name,
        "plan_digest": session.plan.digest,
        "git": asdict(session.git) if session.git else None,
        "resumed": list(session.resumed),
        "interrupted_by_signal": session.interrupted or None,
        "unplugged_readers": [asdict(reader) for reader in session.unplugged],
        "headline": _headline(iterations)
        | {
            "applied_remedies": len(applied(session, len(iterations))),
            "controlled": _controlled(session),
            "rolled_back": _rolled_back(session),
        },
        "selection": [_selected(session, step) for step in session.plan.steps],
        "services": [service_of(session, target) for target in session.plan.environment.targets],
        "iterations": iterations,
        "problems": problems_of(session),
        "consulted": consulted_of(session),
        "remedies": remedies_of(session),
        "calibration": calibration_of(session),
        "signals": signals_of(session),
        "logs": [log for iteration in session.iterations for log in _logs(iteration)],
        "value": value_of(session.plan.suites, iterations[-1] if iterations else None),
        "previous": previous_of(session),
        "history": history_of(session),
        "compliance": compliance_of(session),
        "by_hand": _by_hand(session),
        "not_undone": list(not_undone(session)),
    }
    document["next_actions"] = with_earlier(session, next_actions(document))
    return document


def result_text(session: Session) -> str:
    """The document as JSON text."""
    return json.dumps(result_of(session), ensure_ascii=True, allow_nan=False, indent=1) + "\n"


def _headline(iterations: Sequence[Document]) -> Document:
    """Of the newest iteration: how many tests were collected, how many passes count, and how sure that share is."""
    totals = iterations[-1]["totals"] if iterations else _totals(())
    collected, passed, counted = totals["counts"]["collected"], totals["counts"]["passed"], totals["counted"]
    interval = wilson(counted, collected)
    return {
        "collected": collected,
        "passed": passed,
        "counted": counted,
        "counted_percent": _percent(counted / collected) if collected else None,
        "interval_percent": [_percent(end) for end in interval] if interval else None,
    }


def _controlled(session: Session) -> Document | None:
    """Where controls are all that was asked for: how many tests they tried, and how many of them still pass."""
    if not session.plan.meets_no_target or session.current is None:
        return None
    ended = [record.result.seen for record in session.current.of_kind(Kind.CONTROL) if record.result]
    seen = [each for each in ended if isinstance(each, ControlSeen)]
    return {
        "tests": sum(len({*each.dead, *each.sabotaged}) for each in seen),
        "still_passing": sum(len(still_passing(each)) for each in seen),
    }


def _rolled_back(session: Session) -> Document | None:
    """Where that is all that was asked for: how many services were to go back, and how many did."""
    if not session.plan.only_rolls_back or session.current is None:
        return None
    results = [record.result for record in session.current.of_kind(Kind.ROLLBACK) if record.result]
    done = sum(result.outcome is Outcome.PASSED for result in results)
    return {"services": len(session.plan.selected), "done": done}


def _by_hand(session: Session) -> Document:
    """The lines for a shell that set the traffic of what is unsafe, and the command of each service."""
    commands = by_hand(session)
    return {"lines": list(in_order(session.plan.environment, commands)), "services": dict(commands)}


def _percent(share: float) -> float:
    return round(100 * share, 1)


def _selected(session: Session, step: Step) -> Document:
    chosen = step.id in session.plan.selected
    words = sorted(step.tags & set(session.plan.focus.split(",")))
    in_focus = f"in focus by {', '.join(words)}" if words else "needed by what is in focus"
    why = ("all" if session.plan.focus == "all" else in_focus) if chosen else "not in focus"
    if not chosen and step.kind is Kind.DEPLOY and not session.plan.deploys:
        why = "no deploy was asked for"
    return {
        "id": step.id,
        "kind": step.kind.value,
        "phase": session.plan.phase_of(step.id).id,
        "selected": chosen,
        "why": why,
    }


def _iteration(session: Session, iteration: Iteration) -> Document:
    phases = [_phase(session, iteration, phase) for phase in session.plan.phases]
    shifts = [act_told(r) for r in iteration.acts.values() if r.act.kind in (Kind.PROMOTE, Kind.RESTORE)]
    suites = [row for suite in session.plan.suites if (row := _suite(session, iteration, suite)) is not None]
    return {
        "number": iteration.number,
        "begun": timestamp(iteration.begun),
        "revisions": revisions_of(iteration),
        "phases": phases,
        "shifts": shifts,
        "follow_ups": [act_told(record) for kind in FOLLOW_UPS for record in iteration.of_kind(kind)],
        "verifications": verifications_of(session, iteration),
        "suites": suites,
        "most_suites_at_once": _most_at_once(iteration),
        "totals": _totals(suites),
    }


def _most_at_once(iteration: Iteration) -> int:
    """How many suites ran side by side at the busiest moment."""
    spans = [(r.begun, r.ended) for r in iteration.of_kind(Kind.SUITE)]
    return max((sum(b <= begun and (e is None or begun < e) for b, e in spans) for begun, _ in spans), default=0)


def _totals(suites: Sequence[Document]) -> Document:
    """The sums over an iteration's suites; red and other are what did not pass."""
    counts = {name: sum(suite["counts"][name] for suite in suites) for name in asdict(count(()))}
    red = sum(counts[outcome.value] for outcome in RED_OUTCOMES)
    return {
        "counts": counts,
        "red": red,
        "other": counts["collected"] - counts["passed"] - red,
        "proof": {name: sum(suite["proof"][name] for suite in suites) for name in asdict(count_proofs(()))},
        "counted": sum(suite["counted"] for suite in suites),
    }


def _phase(session: Session, iteration: Iteration, phase: Phase) -> Document:
    records = [record for step in phase.steps if (record := iteration.of_step(step.id))]
    outcome = phase_outcome(session, iteration, phase)
    ends = [record.ended for record in records if record.ended]
    return {
        "id": phase.id,
        "title": phase.title,
        "required": phase.required,
        "outcome": outcome.value if outcome else None,
        "started": timestamp(min(record.started for record in records)) if records else None,
        "ended": timestamp(max(ends)) if outcome and ends else None,
        "steps": [_step(session, iteration, step) for step in phase.steps],
    }


def _step(session: Session, iteration: Iteration, step: Step) -> Document:
    record = iteration.of_step(step.id)
    if record is not None:
        return act_told(record)
    where = standing(session, iteration, step)
    outcome = {Standing.OUT_OF_FOCUS: Outcome.SKIPPED, Standing.BLOCKED: Outcome.INCOMPLETE}.get(where)
    empty: Document = {
        "started": None,
        "ended": None,
        "duration_s": None,
        "attempts": 0,
        "handle": {},
        "seen": None,
        "evidence": [],
    }
    return {
        "id": step.id,
        "kind": step.kind.value,
        "subject": step.subject,
        "outcome": outcome.value if outcome else None,
        "reasons": [where.value],
        **empty,
    }


def _suite(session: Session, iteration: Iteration, suite: Suite) -> Document | None:
    """A suite as the plan's step of this iteration saw it; None for one that the plan does not run."""
    step = next((s for s in session.plan.steps if s.kind is Kind.SUITE and s.subject == suite.id), None)
    if step is None:
        return None
    record = iteration.of_step(step.id)
    act = _step(session, iteration, step)
    tests = results_of(session, record) if record else ()
    proofs = count_proofs(tests)
    return {
        "id": suite.id,
        "title": suite.title,
        "priority": suite.priority,
        "file": ", ".join(suite.paths),
        "outcome": act["outcome"],
        "reasons": ["blocked"] if act["reasons"] == [Standing.BLOCKED.value] else act["reasons"],
        "declared": suite.declared_tests,
        "gate": {"allowed_failures": str(step.gate.tolerance), "max_skipped": step.gate.max_skipped},
        "counts": asdict(count(tests)),
        "proof": asdict(proofs),
        "counted": proofs.counted,
        "duration_s": act["duration_s"],
        "user": (record.act.user or None) if record else None,
        "value": suite.value or None,
        "tests": [test_told(test) for test in tests],
    }


def _logs(iteration: Iteration) -> list[Document]:
    """Every query and what it gave: of the plan's steps, of the diagnosis, and those for the requests of tests."""
    found: list[Document] = []
    for record in iteration.acts.values():
        seen = record.result.seen if record.result else None
        if record.result and isinstance(seen, LogsSeen):
            evidence = [evidence_told(each, record.entry) for each in record.result.evidence]
            found.append(log_told(seen, evidence))
        elif isinstance(seen, SuiteSeen) and seen.witness is not None:
            found.append(log_told(seen.witness))
        elif isinstance(seen, Diagnosed):
            found += [log_told(log) for log in seen.logs]
    return found
