"""A one-off health check told: a table for people, JSON for scripts."""

from __future__ import annotations

import json
from dataclasses import asdict

from netra_loop.core.checkup import Checkup, ServiceCheckup
from netra_loop.views.encode import visible
from netra_loop.views.table import columns


def checkup_json(checkup: Checkup) -> str:
    """The whole checkup as one JSON document."""
    document = {"environment": checkup.environment, "services": [_service(service) for service in checkup.services]}
    return json.dumps(document, ensure_ascii=True, indent=1)


def _service(service: ServiceCheckup) -> dict[str, object]:
    health, websocket = service.health_seen, service.websocket_seen
    return {
        "name": service.name,
        "health": service.condition.value,
        "url": service.url or None,
        "revision": service.revision or None,
        "findings": list(service.findings),
        "samples": health.samples if health else None,
        "latency_median_s": health.latency_median_s if health else None,
        "latency_p95_s": health.latency_p95_s if health else None,
        "latency_p99_s": health.latency_p99_s if health else None,
        "latency_max_s": health.latency_max_s if health else None,
        "bad_after_good": health.bad if health else None,
        "clock_skew_s": health.clock_skew_s if health else None,
        "dependencies": [asdict(state) for state in health.dependencies] if health else [],
        "websocket": asdict(websocket) if websocket else None,
    }


def checkup_text(checkup: Checkup) -> str:
    """A table, a row a service, then what is not as declared."""
    rows: list[tuple[str, ...]] = [
        ("SERVICE", "HEALTH", "REVISION", "MEDIAN", "P95", "WEBSOCKET", "DEPENDENCIES", "URL")
    ]
    rows += [_row(service) for service in checkup.services]
    findings = [f"{s.name}: {finding}" for s in checkup.services for finding in s.findings]
    return "\n".join((*columns(rows), *map(visible, findings)))


def _row(service: ServiceCheckup) -> tuple[str, ...]:
    health, websocket = service.health_seen, service.websocket_seen
    dependencies = health.dependencies if health else ()
    told = (f"{s.name} {s.state}{'' if s.required else ' (optional)'}" for s in dependencies)
    connected = websocket.connect_s if websocket else None
    return (
        service.name,
        service.condition.value,
        service.revision or "-",
        f"{health.latency_median_s} s" if health and health.latency_median_s is not None else "-",
        f"{health.latency_p95_s} s" if health and health.latency_p95_s is not None else "-",
        f"{connected} s" if connected is not None else "-",
        ", ".join(told) or "-",
        service.url or "-",
    )
