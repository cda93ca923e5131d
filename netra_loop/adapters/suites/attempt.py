"""One try to run a suite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from netra_loop.adapters.address import Address
from netra_loop.core.events import Act
from netra_loop.core.plan import Suite
from netra_loop.core.proof import Control


@dataclass(frozen=True, slots=True)
class Attempt:
    """Where a suite's files are in this try, and what it is pointed at."""

    act: Act
    suite: Suite
    number: int
    folder: Path
    nonce: str
    addresses: Mapping[str, Address]
    timeouts: Mapping[str, float]
    only: tuple[str, ...] = ()
    """The tests to run, all of them for none."""
    control: Mapping[str, Control] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    """What its process is given beyond what every suite's is; it outweighs that."""

    @property
    def selection(self) -> Path:
        return self.folder / "selection.json"

    @property
    def stream(self) -> Path:
        return self.folder / "evidence.jsonl"

    @property
    def targets(self) -> list[str]:
        """Every declared target as `host:port`."""
        return [host_port(address.url) for address in self.addresses.values()]


def host_port(url: str) -> str:
    """Whom the URL names, the port said also where the scheme implies it."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
