"""The parts of `result.json` that tell one act, one test, one piece of evidence."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from netra_loop.core.codec import timestamp
from netra_loop.core.control import still_passing
from netra_loop.core.events import TestResult
from netra_loop.core.outcome import TestOutcome
from netra_loop.core.problem import Diagnosed, Evidence
from netra_loop.core.proof import in_contact
from netra_loop.core.seen import ControlSeen, SuiteSeen
from netra_loop.core.session import ActRecord

Document = dict[str, Any]


def seconds_between(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else round((end - start).total_seconds(), 3)


def act_told(record: ActRecord) -> Document:
    result = record.result
    return {
        "id": record.act.step,
        "kind": record.act.kind.value,
        "subject": record.act.subject,
        "outcome": result.outcome.value if result else None,
        "reasons": list(result.reasons) if result else ["adrift" if record.adrift else "running"],
        "started": timestamp(record.started),
        "ended": timestamp(record.ended) if record.ended else None,
        "duration_s": seconds_between(record.begun, record.ended),
        "attempts": record.attempt,
        "handle": dict(record.handle),
        "seen": _seen(record),
        "evidence": [evidence_told(evidence, record.entry) for evidence in result.evidence] if result else [],
    }


def _seen(record: ActRecord) -> Document | None:
    """What the act saw; a diagnosis is told in whole elsewhere, here it is its numbers."""
    seen = record.result.seen if record.result else None
    if isinstance(seen, Diagnosed):
        return {
            "problems": len(seen.problems),
            "remedies": len(seen.remedies),
            "entries": seen.entries,
            "truncated": seen.truncated,
        }
    if isinstance(seen, ControlSeen):
        return control_told(seen)
    if isinstance(seen, SuiteSeen):  # the query itself stands among the logs
        told = {name: value for name, value in asdict(seen).items() if name != "witness"}
        return told | {"witnessed": sum(seen.witnessed.values())}
    return asdict(seen) if seen else None


def control_told(seen: ControlSeen) -> Document:
    return {
        "suite": seen.suite,
        "digest": seen.digest,
        "cached": seen.cached,
        "counts": {"dead": len(seen.dead), "sabotaged": len(seen.sabotaged)},
        "dead": {name: outcome.value for name, outcome in seen.dead.items()},
        "sabotaged": {name: outcome.value for name, outcome in seen.sabotaged.items()},
        "still_passing": [{"id": each.test, "against": list(each.against)} for each in still_passing(seen)],
    }


def evidence_told(evidence: Evidence, told_in: int) -> Document:
    """told_in: the entry that the evidence is part of, which recorded it unless the evidence names another."""
    return asdict(evidence) | {"entry": evidence.entry or told_in}


def test_told(test: TestResult) -> Document:
    facts = test.facts
    contact = {True: "contact", False: "no_contact", None: None}[in_contact(facts)]
    passed = test.outcome is TestOutcome.PASSED
    return {
        "id": test.id,
        "outcome": test.outcome.value,
        "proof": test.proof.value if passed and test.proof else None,
        "sensitive": test.sensitive,
        "contact": contact,
        "bytes_in": facts.bytes_in if facts else None,
        "bytes_out": facts.bytes_out if facts else None,
        "reasons": list(test.reasons),
        "duration_s": test.duration_s,
        "message": test.message,
        "attempts": test.attempt,
        "properties": dict(test.properties),
    }
