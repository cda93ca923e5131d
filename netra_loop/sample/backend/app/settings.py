"""What the environment says about this instance."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Read once at start; times are in seconds."""

    service: str
    revision: str
    project: str
    token_key: str
    session_store: str
    agent_latency: float
    report_latency: float
    agent_timeout: float
    rate_limit: int

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Settings":
        """Unset values have defaults; an unset key is random, because a known one would let anybody sign tokens."""
        return cls(
            service=environ.get("K_SERVICE", "backend"),
            revision=environ.get("K_REVISION", "local"),
            project=environ.get("GOOGLE_CLOUD_PROJECT", ""),
            token_key=environ.get("TOKEN_KEY") or secrets.token_hex(32),
            session_store=environ.get("SESSION_STORE", ""),
            agent_latency=float(environ.get("AGENT_LATENCY", "0.05")),
            report_latency=float(environ.get("REPORT_LATENCY", "1.6")),
            agent_timeout=float(environ.get("AGENT_TIMEOUT", "1.0")),
            rate_limit=int(environ.get("RATE_LIMIT", "5")),
        )
