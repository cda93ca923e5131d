"""The instances: at most one local process for each revision, started when needed and stopped when nobody wants it."""

import asyncio
import secrets
from collections.abc import Awaitable, Collection, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from netra_loop.localrun import failures
from netra_loop.localrun.entries import Source, line_entry, system_entry
from netra_loop.localrun.images import Image, Images
from netra_loop.localrun.launch import command_line, environment, free_ports
from netra_loop.localrun.log_store import LogStore
from netra_loop.localrun.model import Failure, Revision, RevisionId, ServiceId
from netra_loop.localrun.probe import started, succeeds
from netra_loop.localrun.process import Process


class StartFailed(Exception):
    """A revision has no instance because none could be started; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(eq=False, slots=True)
class Instance:
    """A process that serves one revision. `in_flight` counts the requests it is serving."""

    id: str
    port: int
    process: Process
    source: Source
    in_flight: int = 0

    @property
    def pid(self) -> int:
        return self.process.pid


@dataclass(eq=False, slots=True)
class Slot:
    """The place of one revision's instance. An instance that is not wanted is stopped as soon as it is idle."""

    revision: Revision
    wanted: bool = True
    instance: Instance | None = None
    starting: asyncio.Task[Instance] | None = None


@dataclass(slots=True)
class Fleet:
    """All instances of all services."""

    images: Images
    logs: LogStore
    grace: float
    _slots: dict[RevisionId, Slot] = field(init=False, default_factory=dict)
    _ports: Iterator[int] = field(init=False, default_factory=free_ports)
    _background: set[asyncio.Task[Any]] = field(init=False, default_factory=set)

    async def acquire(self, revision: Revision) -> Instance:
        """An instance to send one request to, started if there is none; give it back with `release`.

        Raises StartFailed.
        """
        slot = self._slots.setdefault(revision.id, Slot(revision))
        instance = slot.instance or await self._start(slot)
        instance.in_flight += 1
        return instance

    def release(self, instance: Instance) -> None:
        instance.in_flight -= 1
        slot = self._slots.get(instance.source.revision)
        if slot is not None:
            self._stop_if_unwanted(slot)

    async def ensure(self, revision: Revision) -> None:
        """Have an instance of a revision up. Raises StartFailed."""
        slot = self._slots.setdefault(revision.id, Slot(revision))
        slot.wanted = True
        if slot.instance is None:
            await self._start(slot)

    def discard(self, instance: Instance) -> None:
        """Stop an instance on whose port nobody listens any more; the next request starts another."""
        slot = self._slots.get(instance.source.revision)
        if slot is not None and slot.instance is instance:
            slot.instance = None
            self._in_background(instance.process.stop())

    def want(self, service: ServiceId, names: Collection[str]) -> None:
        """Say which revisions of a service are to keep their instance."""
        for identity, slot in self._slots.items():
            if identity.service == service:
                slot.wanted = identity.name in names
                self._stop_if_unwanted(slot)

    def remove(self, revisions: Iterable[RevisionId]) -> Awaitable[object]:
        """Take revisions out and stop their instances; await the end of that."""
        slots = [self._slots.pop(revision) for revision in revisions if revision in self._slots]
        return asyncio.shield(asyncio.gather(*(self._in_background(self._end(slot)) for slot in slots)))

    def revisions(self, service: ServiceId) -> list[RevisionId]:
        """The revisions of a service that have, or had, an instance."""
        return [identity for identity in self._slots if identity.service == service]

    async def stop_all(self) -> None:
        """Stop every instance, and wait for those that are being stopped already."""
        self.remove(list(self._slots))
        if self._background:
            await asyncio.wait(self._background)

    def instances(self, revision: RevisionId) -> list[Instance]:
        slot = self._slots.get(revision)
        return [slot.instance] if slot and slot.instance else []

    async def _start(self, slot: Slot) -> Instance:
        """One start serves all who wait for it; that one of them stops waiting does not end it."""
        if slot.starting is None:
            slot.starting = asyncio.create_task(self._launch(slot))
            slot.starting.add_done_callback(lambda task: _take_note(slot, task))
        return await asyncio.shield(slot.starting)

    async def _launch(self, slot: Slot) -> Instance:
        revision = slot.revision
        image = self.images.resolve(revision.image)
        if image is None:
            self.logs.append(system_entry(Source(revision.id), "ERROR", failures.image_hint(revision)))
            raise StartFailed(failures.image_missing(revision))
        try:
            instance = await self._spawn(revision, image)
        except OSError as error:
            raise StartFailed(failures.internal(revision, error)) from error
        try:
            await self._await_startup(instance, revision)
        except BaseException:
            await instance.process.stop()
            raise
        slot.instance = instance
        self._in_background(self._watch(slot, instance))
        return instance

    async def _spawn(self, revision: Revision, image: Image) -> Instance:
        source = Source(revision.id, secrets.token_hex(32))
        self.logs.append(system_entry(source, "INFO", "Starting new instance."))
        port = next(self._ports)
        argv = command_line(image, revision.template["containers"][0])

        def on_line(stream: str, text: str) -> None:
            self.logs.append(line_entry(source, stream, text), len(text))

        process = await Process.start(argv, environment(revision, port), image.folder, self.grace, on_line)
        return Instance(source.instance, port, process, source)

    async def _await_startup(self, instance: Instance, revision: Revision) -> None:
        """Return when the startup probe succeeded; raise StartFailed when it failed or the process ended before."""
        container = revision.template["containers"][0]
        succeeded = await succeeds(started(container["startupProbe"], instance.port), instance.process)
        if not instance.process.alive:
            self._say(instance, "ERROR", f"Container called exit({await instance.process.wait()}).")
        kind = "HTTP" if "httpGet" in container["startupProbe"] else "TCP"
        if not succeeded:
            self._say(instance, "ERROR", f"STARTUP {kind} probe failed. The instance was not started.")
            raise StartFailed(failures.not_started(revision))
        self._say(instance, "INFO", f"STARTUP {kind} probe succeeded on port {instance.port}.")

    async def _watch(self, slot: Slot, instance: Instance) -> None:
        code = await instance.process.wait()
        expected = slot.instance is not instance
        if not expected:
            slot.instance = None
        self._say(instance, "INFO" if expected else "WARNING", f"Container called exit({code}).")

    def _stop_if_unwanted(self, slot: Slot) -> None:
        instance = slot.instance
        if instance is not None and not slot.wanted and instance.in_flight == 0:
            slot.instance = None
            self._in_background(instance.process.stop())

    async def _end(self, slot: Slot) -> None:
        if slot.starting is not None:
            slot.starting.cancel()
            await asyncio.wait({slot.starting})
        instance, slot.instance = slot.instance, None
        if instance is not None:
            await instance.process.stop()

    def _say(self, instance: Instance, severity: str, text: str) -> None:
        self.logs.append(system_entry(instance.source, severity, text))

    def _in_background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task


def _take_note(slot: Slot, task: asyncio.Task[Instance]) -> None:
    slot.starting = None
    if not task.cancelled():
        task.exception()  # asked for here, as perhaps nobody waits for it any more
