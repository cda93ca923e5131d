"""`result.json`: every number there is about a session. The worklog prints from this and from nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar

from netra_loop.core.agenda import SHIFTS, Standing, phase_outcome, standing
from netra_loop.core.codec import timestamp
from netra_loop.core.events import (
    Deployed,
    HealthSeen,
    LogsSeen,
    Share,
    SuiteSeen,
    TestResult,
    TrafficShifted,
    WebSocketSeen,
)
from netra_loop.core.outcome import Outcome, TestOutcome
from netra_loop.core.plan import Kind, Phase, Step, Suite, Target
from netra_loop.core.problem import Evidence
from netra_loop.core.session import ActRecord, Iteration, Session, results_of
from netra_loop.core.statistics import wilson
from netra_loop.core.suites import count, count_proofs
from netra_loop.core.verdict import conclude
from netra_loop.views.next_actions import next_actions

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
        "duration_s": _seconds(session.opened, session.at),
        "last_entry": session.seq,
        "plan": session.plan.name,
        "plan_digest": session.plan.digest,
        "git": asdict(session.git) if session.git else None,
        "resumed": list(session.resumed),
        "interrupted_by_signal": session.interrupted or None,
        "unplugged_readers": [asdict(reader) for reader in session.unplugged],
        "headline": _headline(iterations),
        "selection": [_selected(session, step) for step in session.plan.steps],
        "services": [_service(session, target) for target in session.plan.environment.targets],
        "iterations": iterations,
        "problems": [],
        "remedies": [],
        "logs": [log for iteration in session.iterations for log in _logs(iteration)],
        "value": _value(iterations),
        "previous": {"session_id": session.previous} if session.previous else {},
        "compliance": {},
    }
    document["next_actions"] = next_actions(document)
    return document


def result_text(session: Session) -> str:
    """The document as JSON text."""
    return json.dumps(result_of(session), ensure_ascii=True, indent=1) + "\n"


def _seconds(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else round((end - start).total_seconds(), 3)


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


def _percent(share: float) -> float:
    return round(100 * share, 1)


def _selected(session: Session, step: Step) -> Document:
    chosen = step.id in session.plan.selected
    why = "in focus, or needed by what is" if chosen else "not in focus"
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
    shifts = [_act(r) for r in iteration.acts.values() if r.act.kind in (Kind.PROMOTE, Kind.RESTORE)]
    suites = [row for suite in session.plan.suites if (row := _suite(session, iteration, suite)) is not None]
    return {
        "number": iteration.number,
        "begun": timestamp(iteration.begun),
        "revisions": _revisions(iteration),
        "phases": phases,
        "shifts": shifts,
        "suites": suites,
        "totals": _totals(suites),
    }


def _totals(suites: Sequence[Document]) -> Document:
    """The sums over an iteration's suites."""
    return {
        "counts": {name: sum(suite["counts"][name] for suite in suites) for name in asdict(count(()))},
        "proof": {name: sum(suite["proof"][name] for suite in suites) for name in asdict(count_proofs(()))},
        "counted": sum(suite["counted"] for suite in suites),
    }


def _revisions(iteration: Iteration) -> dict[str, str]:
    """What every service was tested at: what was deployed, else what the suites and health checks met."""
    met: dict[str, str] = {}
    for record in iteration.acts.values():
        match record.result.seen if record.result else None:
            case Deployed() as deployed:
                met[deployed.target] = deployed.revision
            case HealthSeen() as health:
                met.setdefault(health.target, health.revision)
            case SuiteSeen() as suite:
                for target, revision in suite.revisions.items():
                    met.setdefault(target, revision)
            case _:
                continue
    return met


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
        return _act(record)
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


def _act(record: ActRecord) -> Document:
    result = record.result
    return {
        "id": record.act.step,
        "kind": record.act.kind.value,
        "subject": record.act.subject,
        "outcome": result.outcome.value if result else None,
        "reasons": list(result.reasons) if result else ["adrift" if record.adrift else "running"],
        "started": timestamp(record.started),
        "ended": timestamp(record.ended) if record.ended else None,
        "duration_s": _seconds(record.begun, record.ended),
        "attempts": record.attempt,
        "handle": dict(record.handle),
        "seen": asdict(result.seen) if result and result.seen else None,
        "evidence": [_evidence(evidence) for evidence in result.evidence] if result else [],
    }


def _evidence(evidence: Evidence) -> Document:
    return asdict(evidence)


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
        "value": suite.value or None,
        "tests": [_test(test) for test in tests],
    }


def _test(test: TestResult) -> Document:
    facts = test.facts
    contact = None if facts is None else "contact" if facts.bytes_in or facts.shared_bytes_in else "no_contact"
    passed = test.outcome is TestOutcome.PASSED
    return {
        "id": test.id,
        "outcome": test.outcome.value,
        "proof": test.proof.value if passed and test.proof else None,
        "sensitive": None,
        "contact": contact,
        "bytes_in": facts.bytes_in if facts else None,
        "bytes_out": facts.bytes_out if facts else None,
        "reasons": list(test.reasons),
        "duration_s": test.duration_s,
        "message": test.message,
        "attempts": test.attempt,
        "properties": dict(test.properties),
    }


def _service(session: Session, target: Target) -> Document:
    deployed = _last_seen(session, Deployed, target.name)
    shift = _last_seen(session, TrafficShifted, target.name)
    health = _last_seen(session, HealthSeen, target.name)
    websocket = _last_seen(session, WebSocketSeen, target.name)
    revisions = [revision for i in session.iterations if (revision := _revisions(i).get(target.name))]
    revision = revisions[-1] if revisions else ""
    serving = shift.revision if shift else _serving_after(deployed) if deployed else revision
    traffic = shift.traffic_after if shift else deployed.traffic_after if deployed else ()
    if _shift_unknown(session, target.name):
        serving, traffic = "", ()
    url = deployed.url if deployed else health.url if health else ""
    return {
        "name": target.name,
        "service": target.service,
        "url": url or None,
        "candidate_url": deployed.candidate_url if deployed else None,
        "revision": revision or None,
        "previous_revision": (deployed.previous_revision or None) if deployed else None,
        "serving_revision": serving or None,
        "strategy": deployed.strategy if deployed else None,
        "image_digest": (deployed.image_digest or None) if deployed else None,
        "created": deployed.created if deployed else None,
        "identity": shift.identity if shift else deployed.identity if deployed else None,
        "traffic_before": _shares(deployed.traffic_before) if deployed else [],
        "traffic_after": _shares(traffic),
        "health": _health_word(session, target.name),
        "health_latency_median_s": health.latency_median_s if health else None,
        "websocket_connect_s": websocket.connect_s if websocket else None,
        "dependencies": [asdict(state) for state in health.dependencies] if health else [],
    }


def _shift_unknown(session: Session, target: str) -> bool:
    """Whether the newest attempt to shift a target's traffic did not end with a look at it."""
    acts = [r for i in session.iterations for r in i.acts.values() if r.act.kind in SHIFTS and r.act.subject == target]
    newest = max(acts, key=lambda record: record.begun, default=None)
    return newest is not None and not (newest.result and isinstance(newest.result.seen, TrafficShifted))


def _serving_after(deployed: Deployed) -> str:
    full = [share.revision for share in deployed.traffic_after if share.percent == 100]
    return full[0] if full else ""


def _health_word(session: Session, target: str) -> str:
    """healthy, unhealthy, unknown (could not look), or not_checked; of the last check."""
    for iteration in reversed(session.iterations):
        for record in iteration.of_kind(Kind.HEALTH):
            if record.act.subject == target and record.result:
                words = {Outcome.PASSED: "healthy", Outcome.FAILED: "unhealthy"}
                return words.get(record.result.outcome, "unknown")
    return "not_checked"


def _last_seen(session: Session, kind: type[T], target: str) -> T | None:
    found: T | None = None
    for iteration in session.iterations:
        for record in iteration.acts.values():
            seen = record.result.seen if record.result else None
            if isinstance(seen, kind) and getattr(seen, "target", None) == target:
                found = seen
    return found


def _shares(shares: Sequence[Share]) -> list[Document]:
    return [asdict(share) for share in shares]


def _logs(iteration: Iteration) -> list[Document]:
    found = []
    for record in iteration.of_kind(Kind.LOGS):
        seen = record.result.seen if record.result else None
        if record.result and isinstance(seen, LogsSeen):
            found.append(asdict(seen) | {"evidence": [_evidence(e) for e in record.result.evidence]})
    return found


def _value(iterations: Sequence[Document]) -> Document:
    """The declared value of the newest iteration's suites: proven by a passed suite, else at risk."""
    rows = [
        s
        for s in (iterations[-1]["suites"] if iterations else [])
        if s["value"] and s["outcome"] not in (None, "skipped")
    ]
    told = {True: [], False: []}  # type: dict[bool, list[Document]]
    for suite in rows:
        told[suite["outcome"] == "passed"].append({"suite": suite["id"], "value": suite["value"]})
    return {"at_risk": told[False], "proven": told[True]}
