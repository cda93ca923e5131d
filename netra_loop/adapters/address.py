"""Where a target is asked, and with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_BEARER = "Bearer "


@dataclass(frozen=True, slots=True)
class Address:
    """A URL and the one revision behind it; empty where the traffic is split or not known.

    generation: of its service; with the same one nobody moved the traffic there and back in between. headers: what a
    request must carry to be let in; they hold a secret.
    """

    url: str
    revision: str
    generation: int = 0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def token(self) -> str:
        """The token that lets us in, empty where none is needed."""
        return self.headers.get("Authorization", "").removeprefix(_BEARER)
