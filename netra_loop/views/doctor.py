"""A preflight told: a table for people, JSON for scripts."""

from __future__ import annotations

import json

from netra_loop.core.preflight import Preflight
from netra_loop.views.encode import visible
from netra_loop.views.table import columns


def preflight_text(preflight: Preflight) -> str:
    """A row a check, then one line of remedy for each that has one."""
    rows = [("CHECK", "STATE", "FOUND"), *((f.check, f.state.value, f.said) for f in preflight.findings)]
    remedies = [visible(f"next: {f.check}: {f.remedy}") for f in preflight.findings if f.remedy]
    return "\n".join((*columns(rows), *remedies))


def preflight_json(preflight: Preflight) -> str:
    """The whole preflight as one JSON document."""
    findings = [
        {"check": f.check, "state": f.state.value, "said": f.said, "remedy": f.remedy} for f in preflight.findings
    ]
    return json.dumps({"environment": preflight.environment, "findings": findings}, ensure_ascii=True, indent=1)
