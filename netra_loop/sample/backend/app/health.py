"""The deep health check: what the service depends on, and whether it answers."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from .errors import ApiError


@dataclass(frozen=True, slots=True)
class Dependency:
    """What the service uses; `ping` raises an ApiError when it does not answer."""

    name: str
    required: bool
    ping: Callable[[], Awaitable[None]]

    async def status(self) -> str:
        try:
            await self.ping()
        except ApiError:
            return "failed"
        return "connected"


async def examine(dependencies: Sequence[Dependency]) -> tuple[str, dict[str, dict[str, object]]]:
    """The overall status, and each dependency's own by name. What is optional may be away without making it worse."""
    found: dict[str, dict[str, object]] = {}
    for dependency in dependencies:
        found[dependency.name] = {"status": await dependency.status(), "required": dependency.required}
    healthy = all(one["status"] == "connected" or not one["required"] for one in found.values())
    return ("healthy" if healthy else "degraded"), found
