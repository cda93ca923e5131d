"""All instances: a group of them for each revision, started when needed and stopped when nobody wants them."""

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from netra_loop.localrun.runtime.group import Group, Patience, bounds
from netra_loop.localrun.runtime.instance import Instance, Launcher
from netra_loop.localrun.services.model import Revision, RevisionId, Service, ServiceId
from netra_loop.localrun.services.traffic import serving


@dataclass(slots=True)
class Fleet:
    """All instances of all services."""

    launcher: Launcher
    patience: Patience
    _groups: dict[RevisionId, Group] = field(init=False, default_factory=dict)
    _background: set[asyncio.Task[Any]] = field(init=False, default_factory=set)

    async def acquire(self, revision: Revision) -> Instance:
        """An instance to send one request to, started if need be; give it back with `release`.

        Raises StartFailed, and NoInstance when all are full for too long.
        """
        return await self._group(revision).acquire()

    def release(self, instance: Instance) -> None:
        group = self._groups.get(instance.source.revision)
        if group is not None:
            group.release(instance)

    async def ensure(self, revision: Revision) -> None:
        """Have an instance of a revision up. Raises StartFailed."""
        await self._group(revision).ensure()

    def discard(self, instance: Instance) -> None:
        """Stop an instance on whose port nobody listens any more."""
        group = self._groups.get(instance.source.revision)
        if group is not None:
            group.dismiss(instance, instance.process.stop)

    def want(self, service: Service) -> None:
        """Follow a change of a service: which revisions keep instances, and how many."""
        names = serving(service)
        for identity in self.revisions(service.id):
            group = self._groups[identity]
            group.adjust(identity.name in names, bounds(group.revision, service))

    def remove(self, revisions: Iterable[RevisionId]) -> Awaitable[object]:
        """Take revisions out and stop their instances; await the end of that."""
        groups = [self._groups.pop(revision) for revision in revisions if revision in self._groups]
        return asyncio.shield(asyncio.gather(*(self._in_background(group.end()) for group in groups)))

    def revisions(self, service: ServiceId) -> list[RevisionId]:
        """The revisions of a service that have, or had, an instance."""
        return [identity for identity in self._groups if identity.service == service]

    async def stop_all(self) -> None:
        """Stop every instance, and wait for those that are being stopped already."""
        self.remove(list(self._groups))
        while self._background:
            await asyncio.wait(self._background)

    def instances(self, revision: RevisionId) -> list[Instance]:
        """The running instances of a revision, the oldest first."""
        group = self._groups.get(revision)
        return list(group.instances) if group else []

    def _group(self, revision: Revision) -> Group:
        group = self._groups.get(revision.id)
        if group is None:
            group = Group(revision, self.launcher, self.patience, self._in_background, bounds(revision))
            self._groups[revision.id] = group
        return group

    def _in_background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task
