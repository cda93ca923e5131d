"""The part of `result.json` that tells a service: what was deployed of it, what it serves, how it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from netra_loop.core.acts import SHIFTS
from netra_loop.core.outcome import Outcome
from netra_loop.core.plan import Kind
from netra_loop.core.seen import Deployed, HealthSeen, Share, SuiteSeen, TrafficShifted, WebSocketSeen
from netra_loop.core.session import ActRecord, Iteration, Session
from netra_loop.core.target import Target

Document = dict[str, Any]
T = TypeVar("T")


def service_of(session: Session, target: Target) -> Document:
    deployed = _last_seen(session, Deployed, target.name)
    shift = _last_seen(session, TrafficShifted, target.name)
    health = _last_seen(session, HealthSeen, target.name)
    websocket = _last_seen(session, WebSocketSeen, target.name)
    revisions = [revision for i in session.iterations if (revision := revisions_of(i).get(target.name))]
    revision = revisions[-1] if revisions else ""
    serving = shift.revision if shift else _alone(deployed.traffic_after) if deployed else revision
    traffic = shift.traffic_after if shift else deployed.traffic_after if deployed else ()
    if _shift_unknown(session, target.name):
        serving, traffic = "", ()
    before = deployed.traffic_before if deployed else shift.traffic_before if shift else ()
    url = deployed.url if deployed else shift.url if shift else health.url if health else ""
    return {
        "name": target.name,
        "service": target.service,
        "url": url or None,
        "candidate_url": deployed.candidate_url if deployed else None,
        "revision": revision or None,
        "previous_revision": (deployed.previous_revision if deployed else _alone(before)) or None,
        "serving_revision": serving or None,
        "strategy": deployed.strategy if deployed else None,
        "pinned": deployed.pinned if deployed else False,
        "commit": (deployed.commit or None) if deployed else None,
        "checked": list(deployed.checked) if deployed else [],
        "why": deployed.why if deployed else "",
        "seen_alone": shift.checked if shift else "",
        "stages": [asdict(stage) for stage in shift.stages] if shift else [],
        "changes": list(deployed.changes) if deployed else [],
        "image_digest": (deployed.image_digest or None) if deployed else None,
        "created": deployed.created if deployed else None,
        "identity": shift.identity if shift else deployed.identity if deployed else None,
        "traffic_before": _shares(before),
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


def _alone(traffic: Sequence[Share]) -> str:
    """The revision that gets all traffic; empty while none does."""
    full = [share.revision for share in traffic if share.percent == 100]
    return full[0] if full else ""


def _health_word(session: Session, target: str) -> str:
    """healthy, unhealthy, unknown (could not look), or not_checked; of the last check."""
    for iteration in reversed(session.iterations):
        if any(r.act.subject == target and _is_back(r) for r in iteration.of_kind(Kind.ROLLBACK)):
            return "healthy"
        for record in iteration.of_kind(Kind.HEALTH):
            if record.act.subject == target and record.result:
                words = {Outcome.PASSED: "healthy", Outcome.FAILED: "unhealthy"}
                return words.get(record.result.outcome, "unknown")
    return "not_checked"


def _is_back(record: ActRecord) -> bool:
    """Whether a rollback came to its end, which a look at the base URL is."""
    return record.result is not None and record.result.outcome is Outcome.PASSED


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


def revisions_of(iteration: Iteration) -> dict[str, str]:
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
