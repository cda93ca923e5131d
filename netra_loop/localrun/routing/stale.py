"""A fault: instances of a revision that has lost its traffic go on to answer for a while."""

import time
from dataclasses import dataclass, field

from netra_loop.localrun.services.model import Route, ServiceId

Routes = tuple[Route, ...]


@dataclass(slots=True)
class Before:
    """The routes of a service before a shift, and until when they serve; whose turn the next request is."""

    routes: Routes
    until: float  # of the monotonic clock
    is_next: bool = True


@dataclass(slots=True)
class StaleInstances:
    _before: dict[ServiceId, Before] = field(init=False, default_factory=dict)

    def linger(self, service: ServiceId, routes: Routes, seconds: float) -> None:
        """For so long, these routes still serve every second request at a service's own URL."""
        self._before[service] = Before(routes, time.monotonic() + seconds)

    def clear(self) -> None:
        self._before.clear()

    def met(self, service: ServiceId, routes: Routes) -> Routes:
        """The routes by which the next request of a service goes, where `routes` are those in effect."""
        before = self._before.get(service)
        if before is None or time.monotonic() > before.until:
            return routes
        before.is_next = not before.is_next
        return routes if before.is_next else before.routes
