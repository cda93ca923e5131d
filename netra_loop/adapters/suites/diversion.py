"""What leads a suite's process to a false target, and away from the real ones, in whatever way it finds them."""

from __future__ import annotations

import json
from dataclasses import dataclass

REDIRECT = "NETRA_LOOP_EVIDENCE_REDIRECT"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@dataclass(frozen=True, slots=True)
class Diversion:
    """To one false target, `ip:port`, from the real ones, each `host:port`."""

    false: str
    real: tuple[str, ...]

    @property
    def url(self) -> str:
        """What every base URL is."""
        return f"http://{self.false}"

    def variables(self) -> dict[str, str]:
        """For Python, names and addresses of real targets are led away in the process itself; any other client is
        told that the false target is its proxy, for every address but that one itself, loopback too.
        """
        proxies = dict.fromkeys(_PROXIES, self.url) | {"NO_PROXY": self.false}
        redirect = {REDIRECT: json.dumps(dict.fromkeys(self.real, self.false))}
        return redirect | proxies | {name.lower(): value for name, value in proxies.items()}
