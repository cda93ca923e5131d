"""A one-off look at an environment: what each service is like now, and what that means for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from netra_loop.core.health import is_down
from netra_loop.core.outcome import Outcome
from netra_loop.core.seen import HealthSeen, Result, WebSocketSeen

CLOCK_TOLERANCE = 30.0  # seconds; tokens are refused from about there


class Condition(Enum):
    """What one look says of a service."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    NOT_DEPLOYED = "not_deployed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ServiceCheckup:
    """One service: where it was asked, and what its checks gave; a check that it does not declare is None."""

    name: str
    url: str
    revision: str
    health: Result | None = None
    websocket: Result | None = None
    trouble: str = ""

    @property
    def condition(self) -> Condition:
        """UNKNOWN when we could not look, or when the service declares nothing to look at."""
        checks = [check for check in (self.health, self.websocket) if check is not None]
        if self.trouble or not checks:
            return Condition.NOT_DEPLOYED if self.trouble and not self.url else Condition.UNKNOWN
        if any(check.outcome is not Outcome.PASSED for check in checks):
            return Condition.UNHEALTHY
        return Condition.DEGRADED if self._optional_down() else Condition.HEALTHY

    def _optional_down(self) -> bool:
        seen = self.health.seen if self.health else None
        states = seen.dependencies if isinstance(seen, HealthSeen) else ()
        return any(not state.required and is_down(state) for state in states)

    @property
    def findings(self) -> tuple[str, ...]:
        """Everything that is not as declared."""
        checks = [check for check in (self.health, self.websocket) if check is not None]
        skew = self.health_seen.clock_skew_s if self.health_seen else None
        off = (f"its clock is {skew:+g} s off ours",) if skew is not None and abs(skew) > CLOCK_TOLERANCE else ()
        told = (reason for check in checks for reason in check.reasons)
        return (*((self.trouble,) if self.trouble else ()), *told, *off)

    @property
    def websocket_seen(self) -> WebSocketSeen | None:
        seen = self.websocket.seen if self.websocket else None
        return seen if isinstance(seen, WebSocketSeen) else None

    @property
    def health_seen(self) -> HealthSeen | None:
        seen = self.health.seen if self.health else None
        return seen if isinstance(seen, HealthSeen) else None


@dataclass(frozen=True, slots=True)
class Checkup:
    """All services that were looked at."""

    environment: str
    services: tuple[ServiceCheckup, ...]

    def exit_code(self, *, strict: bool) -> int:
        """0 healthy or degraded, 1 unhealthy (strict: or degraded), 4 could not look or not deployed; 4 outweighs 1."""
        conditions = {service.condition for service in self.services}
        if conditions & {Condition.UNKNOWN, Condition.NOT_DEPLOYED} or not conditions:
            return 4
        if Condition.UNHEALTHY in conditions or (strict and Condition.DEGRADED in conditions):
            return 1
        return 0
