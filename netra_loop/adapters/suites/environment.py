"""What the process of any suite is given: what CONTRACTS section 6 promises, and nothing of the cloud beyond it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping

from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.suites.attempt import Attempt
from netra_loop.adapters.supervise import marks
from netra_loop.adapters.websocket import websocket_url

INHERITED = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "USER", "LOGNAME", "SSL_CERT_FILE", "SSL_CERT_DIR")


def asked_for(variables: Mapping[str, str | None]) -> dict[str, str]:
    """What every process inherits, and what was asked for by name: a value, or None for the one that we have."""
    env = {name: os.environ[name] for name in INHERITED if name in os.environ}
    asked = {name: os.environ.get(name) if value is None else value for name, value in variables.items()}
    return env | {name: value for name, value in asked.items() if value is not None}


def suite_environment(attempt: Attempt, folder: SessionFolder) -> dict[str, str]:
    """The variables of an attempt, whoever runs it; `attempt.variables` are the caller's to add, at the end."""
    env = asked_for(attempt.suite.env)
    env |= {
        "PATH": os.environ.get("PATH", os.defpath),
        "CLOUDSDK_CONFIG": env.get("CLOUDSDK_CONFIG", str(attempt.folder / "no-cloud-credentials")),
        **marks(folder),
        "NETRA_LOOP_SUITE": attempt.suite.id,
        "NETRA_LOOP_ATTEMPT": str(attempt.number),
        "TRACEPARENT": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01",
    }
    if attempt.act.user:
        env["NETRA_LOOP_USER"] = attempt.act.user
    for name, seconds in attempt.timeouts.items():
        env[f"NETRA_LOOP_TIMEOUT_{name.upper().replace('-', '_')}"] = f"{seconds:g}"
    for name, address in attempt.addresses.items():
        variable = name.upper().replace("-", "_")
        env |= {f"{variable}_URL": address.url, f"{variable}_WS_URL": websocket_url(address.url)}
        if address.token:
            env[f"{variable}_ID_TOKEN"] = address.token
    return env
