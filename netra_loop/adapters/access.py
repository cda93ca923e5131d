"""How we come in where a service does not let everybody in."""

from __future__ import annotations

from collections.abc import Mapping

from netra_loop.core.target import AccessKind, Target


class NoAccess(Exception):
    """No token can be had, or the service refuses it; the message says which, and what to do."""


class Tokens:
    """Tokens for the targets of one environment, each asked for once and again before it expires."""

    async def headers(self, target: Target, base_url: str) -> Mapping[str, str]:
        """What a request to a target must carry; base_url is the service's own, also for a request to a tag's URL.

        Raises NoAccess.
        """
        if target.access.kind is AccessKind.NONE:
            return {}
        raise NoAccess(f"{target.name}: access by {target.access.kind.value} is not known")
