"""Rollouts: starting a new revision and, only once it is ready, letting the traffic that was asked for take effect."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from netra_loop.localrun import clock
from netra_loop.localrun.control.operations import Failed
from netra_loop.localrun.faults import FaultKind, Faults
from netra_loop.localrun.fields import Document
from netra_loop.localrun.routing.router import Router
from netra_loop.localrun.runtime.instance import StartFailed
from netra_loop.localrun.runtime.instances import Fleet
from netra_loop.localrun.services import failures
from netra_loop.localrun.services.catalog import Catalog
from netra_loop.localrun.services.declaration import Change
from netra_loop.localrun.services.model import (
    Code,
    Failure,
    Reason,
    Revision,
    RevisionId,
    RevisionState,
    Service,
    ServiceId,
)
from netra_loop.localrun.services.retention import MOST_REVISIONS, surplus
from netra_loop.localrun.services.traffic import awaited, resolve, shares


@dataclass(slots=True)
class Rollouts:
    """Every change to a service passes here: `record` makes it known at once, `settle` waits for its effect."""

    catalog: Catalog
    fleet: Fleet
    router: Router
    faults: Faults
    most_revisions: int = MOST_REVISIONS
    _starts: dict[RevisionId, asyncio.Task[None]] = field(init=False, default_factory=dict)

    def record(self, change: Change) -> None:
        """Make a change what exists; its revision, if it has one, begins to start."""
        self.catalog.put_service(change.service)
        if change.revision is not None:
            self.catalog.put_revision(change.revision)
            self._begin(change.revision)
            self._retire(change.service)

    def resume(self) -> None:
        """Begin again the starts that were under way when a server ended."""
        for service in self.catalog.services():
            for revision in self.catalog.revisions(service.id).values():
                if revision.state is RevisionState.STARTING:
                    self._begin(revision)

    async def settle(self, change: Change, document: Callable[[Service], Document]) -> Document:
        """Wait until a recorded change is in effect; returns the service's document.

        Raises Failed when a revision it needs did not become ready: then the traffic stays as it was. A change that a
        later one has overtaken leaves the traffic to that one.
        """
        asked = change.service
        names = awaited(asked) | ({change.revision.id.name} if change.revision else set())
        problem = await self._ready(asked.id, names)
        if problem is None:
            await self._prepare(asked)
        service = self._current(asked)
        if service.generation == asked.generation:
            self._apply(service, problem)
        self.fleet.want(self._current(asked))
        if problem is not None:
            raise Failed(problem)
        return document(self._current(asked))

    def forget(self, service: ServiceId) -> Awaitable[object]:
        """Close the doors of a service that was taken out of the catalog; await the end of its instances."""
        self.router.close(service)
        for identity in [identity for identity in self._starts if identity.service == service]:
            self._starts.pop(identity).cancel()
        return self.fleet.remove(self.fleet.revisions(service))

    async def stop(self) -> None:
        """Give up on all starts that are under way."""
        starts = list(self._starts.values())
        for start in starts:
            start.cancel()
        await asyncio.gather(*starts, return_exceptions=True)

    def _begin(self, revision: Revision) -> None:
        start = asyncio.create_task(self._start(revision))
        self._starts[revision.id] = start
        start.add_done_callback(lambda task: self._started(revision.id, task))

    def _retire(self, service: Service) -> None:
        """Delete the revisions that are too many."""
        retired = surplus(service, self.catalog.revisions(service.id).values(), self.most_revisions)
        self.catalog.remove_revisions(retired)
        self.fleet.remove(retired)

    async def _start(self, revision: Revision) -> None:
        failure: Failure | None = None
        try:
            await self.fleet.ensure(revision)
            failure = await self._mishap(revision)
        except StartFailed as error:
            failure = error.failure
        except Exception as error:
            traceback.print_exc()
            failure = failures.internal(revision, error)
        if self.catalog.find_revision(revision.id) is not revision:
            return  # deleted meanwhile
        state = RevisionState.FAILED if failure else RevisionState.READY
        self.catalog.put_revision(replace(revision, state=state, failure=failure, settled=clock.now()))
        service = self.catalog.service(revision.id.service)
        if failure is None and service.latest_created == revision.id.name:
            self.catalog.put_service(replace(service, latest_ready=revision.id.name))

    async def _mishap(self, revision: Revision) -> Failure | None:
        """A fault: a revision that started is told to be ready late, or never."""
        name = revision.id.service.name
        if late := self.faults.meet(FaultKind.LATE_READY, name):
            await asyncio.sleep(late.delay)
        return failures.not_started(revision) if self.faults.meet(FaultKind.NEVER_READY, name) else None

    def _started(self, revision: RevisionId, start: asyncio.Task[None]) -> None:
        if self._starts.get(revision) is start:
            del self._starts[revision]

    async def _ready(self, service: ServiceId, names: set[str]) -> Failure | None:
        """Wait until these revisions have started or failed; returns the first failure."""
        starts = [self._starts[key] for key in (RevisionId(service, name) for name in names) if key in self._starts]
        if starts:
            await asyncio.wait(starts)
        revisions = self.catalog.revisions(service)
        outcomes = [revisions[name].failure for name in sorted(names) if name in revisions]
        return next((failure for failure in outcomes if failure), None)

    async def _prepare(self, asked: Service) -> None:
        """Have every tag's port open and an instance up behind every route before traffic comes."""
        for route in resolve(self._current(asked)):
            if route.target.tag:
                self.router.open(asked.id, route.target.tag)
            revision = self.catalog.find_revision(RevisionId(asked.id, route.revision))
            if revision is not None:
                await self._warm(revision)

    async def _warm(self, revision: Revision) -> None:
        try:
            await self.fleet.ensure(revision)
        except StartFailed:
            return  # it was ready once, so it is routed to all the same; its log tells why it does not start now

    def _current(self, asked: Service) -> Service:
        service = self.catalog.find(asked.id)
        if service is None or service.uid != asked.uid:
            raise Failed(Failure(Code.ABORTED, f"Service '{asked.id.name}' was deleted meanwhile.", Reason.INTERNAL))
        return service

    def _apply(self, service: Service, problem: Failure | None) -> None:
        routes = service.routes if problem else resolve(service)
        moved = service.routes and shares(routes) != shares(service.routes)
        if moved and (stale := self.faults.meet(FaultKind.STALE_INSTANCE, service.id.name)):
            self.router.stale.linger(service.id, service.routes, stale.delay)
        self.catalog.put_service(
            replace(service, observed=service.generation, updated=clock.now(), routes=routes, problem=problem)
        )
