"""What the environment says about this instance."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Read once at start."""

    service: str
    revision: str
    project: str
    token_key: str
    password: str

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Settings":
        """Unset values have defaults; an unset key is random, because a known one would let anybody sign tokens."""
        return cls(
            service=environ.get("K_SERVICE", "auth"),
            revision=environ.get("K_REVISION", "local"),
            project=environ.get("GOOGLE_CLOUD_PROJECT", ""),
            token_key=environ.get("TOKEN_KEY") or secrets.token_hex(32),
            password=environ.get("LOGIN_PASSWORD", "staging-only"),
        )
