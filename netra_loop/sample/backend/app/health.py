"""The deep health check: what the service depends on, and whether it answers."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dependency:
    name: str
    required: bool
    ping: Callable[[], Awaitable[None]]

    async def status(self) -> str:
        try:
            await self.ping()
        except OSError:  # includes timeouts and refused connections
            return "failed"
        return "connected"


async def examine(dependencies: Sequence[Dependency]) -> tuple[str, dict[str, dict[str, object]]]:
    """The overall status, and each dependency's own by name."""
    found: dict[str, dict[str, object]] = {}
    for dependency in dependencies:
        found[dependency.name] = {"status": await dependency.status(), "required": dependency.required}
    healthy = all(one["status"] == "connected" for one in found.values())
    return ("healthy" if healthy else "degraded"), found
