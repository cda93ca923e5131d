"""The instances of one revision: who gets which, when another is started, and when one is not needed any more."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from netra_loop.localrun.runtime.instance import Instance, Launcher
from netra_loop.localrun.runtime.probe import kind, stuck
from netra_loop.localrun.services.model import Revision, Service
from netra_loop.localrun.services.traffic import share

STEADY = 10.0  # seconds after which an instance does not count as one that crashes again and again
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0  # seconds before an instance that crashes again and again is replaced

Background = Callable[[Coroutine[Any, Any, object]], asyncio.Task[object]]


class NoInstance(Exception):
    """All instances are full, and no more may be started."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many instances a revision has at least, and at most."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: how long a request waits for a free instance, and an instance for a request."""

    request: float
    instance: float


@dataclass(eq=False, slots=True)
class Group:
    """A group that is not wanted has an instance stopped as soon as it is idle."""

    revision: Revision
    launcher: Launcher
    patience: Patience
    background: Background
    bounds: Bounds
    wanted: bool = True
    instances: list[Instance] = field(init=False, default_factory=list)
    _starting: set[asyncio.Task[Instance]] = field(init=False, default_factory=set)
    _waiting: deque[asyncio.Future[Instance]] = field(init=False, default_factory=deque)
    _watchers: dict[Instance, list[asyncio.Task[object]]] = field(init=False, default_factory=dict)
    _crashes: int = 0

    @property
    def concurrency(self) -> int:
        """How many requests one instance may have at once."""
        return int(self.revision.template["maxInstanceRequestConcurrency"])

    async def acquire(self) -> Instance:
        """The least busy instance, with one request more. Raises StartFailed and NoInstance."""
        free = self._free()
        if free is None:
            return await self._wait()
        free.in_flight += 1
        return free

    def release(self, instance: Instance) -> None:
        """One request less; whoever waits is next.

        Nobody can know, here as there, whether it is still at work for a client that left or whose time was up.
        """
        instance.in_flight -= 1
        if instance.in_flight == 0:
            instance.since = time.monotonic()
        self._seat()
        if not self.wanted:
            self._stop_idle()

    async def ensure(self) -> None:
        """Have an instance up. Raises StartFailed."""
        self.wanted = True
        if not self.instances:
            await asyncio.shield(next(iter(self._starting), None) or self._start())

    def adjust(self, wanted: bool, bounds: Bounds) -> None:
        """Follow a change of the service."""
        self.wanted, self.bounds = wanted, bounds
        if wanted and self.instances:
            self._keep_least()
        elif not wanted:
            self._stop_idle()

    def dismiss(self, instance: Instance, end: Callable[[], Coroutine[Any, Any, int]]) -> None:
        """Take an instance out and end its process; it is replaced if too few are left."""
        if self._part(instance):
            self.background(end())
            self._replace(instance)

    async def end(self) -> None:
        """Stop everything; who waits, waits in vain."""
        self.wanted = False
        for turn in self._waiting:
            turn.cancel()
        for start in self._starting:
            start.cancel()
        if self._starting:
            await asyncio.wait(self._starting)
        parted = [instance for instance in list(self.instances) if self._part(instance)]
        await asyncio.gather(*(instance.process.stop() for instance in parted))

    def _free(self) -> Instance | None:
        least = min(self.instances, key=lambda instance: instance.in_flight, default=None)
        return least if least is not None and least.in_flight < self.concurrency else None

    async def _wait(self) -> Instance:
        """Queue for an instance; the patience counts while none is being started."""
        turn: asyncio.Future[Instance] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._grow()
        try:
            while not (await asyncio.wait({turn}, timeout=self.patience.request))[0]:
                if not self._starting:
                    raise NoInstance
            return turn.result()
        except BaseException:
            self._leave(turn)
            raise

    def _leave(self, turn: asyncio.Future[Instance]) -> None:
        if turn in self._waiting:
            self._waiting.remove(turn)
        elif turn.done() and not turn.cancelled() and turn.exception() is None:
            self.release(turn.result())

    def _seat(self) -> None:
        """Give free instances to those who wait, first come, first served."""
        while self._waiting and (free := self._free()) is not None:
            turn = self._waiting.popleft()
            if not turn.done():
                free.in_flight += 1
                turn.set_result(free)

    def _grow(self) -> None:
        """Start as many instances as those who wait need and as may be."""
        while len(self._waiting) > len(self._starting) * self.concurrency and self._size() < self.bounds.most:
            self._start()

    def _size(self) -> int:
        return len(self.instances) + len(self._starting)

    def _keep_least(self) -> None:
        while self.wanted and self._size() < self.bounds.least:
            self._start()

    def _start(self) -> asyncio.Task[Instance]:
        start = asyncio.create_task(self.launcher.start(self.revision))
        self._starting.add(start)
        start.add_done_callback(self._started)
        return start

    def _started(self, start: asyncio.Task[Instance]) -> None:
        self._starting.discard(start)
        if start.cancelled():
            return
        error = start.exception()
        if error is None:
            self._admit(start.result())
        elif not self._size():
            while self._waiting:
                self._waiting.popleft().set_exception(error)

    def _admit(self, instance: Instance) -> None:
        self.instances.append(instance)
        self.background(self._watch(instance))
        container = self.revision.template["containers"][0]
        self._watchers[instance] = [self.background(self._retire(instance))]
        if "livenessProbe" in container:
            self._watchers[instance].append(self.background(self._check(instance, container["livenessProbe"])))
        self._seat()
        if not self.wanted:
            self._stop_idle()

    def _part(self, instance: Instance) -> bool:
        """Take an instance out; False when it was out already."""
        if instance not in self.instances:
            return False
        self.instances.remove(instance)
        instance.connections.close()
        for watcher in self._watchers.pop(instance):
            watcher.cancel()
        return True

    async def _watch(self, instance: Instance) -> None:
        """Wait for an instance to end; one that nobody stopped is replaced when it is needed."""
        code = await instance.process.wait()
        crashed = self._part(instance)
        self.launcher.say(instance, "WARNING" if crashed else "INFO", f"Container called exit({code}).")
        if crashed:
            self._replace(instance)

    async def _retire(self, instance: Instance) -> None:
        """Stop an instance that nobody has asked for long, unless that leaves too few."""
        limit = self.patience.instance
        while instance.idle < limit or len(self.instances) <= self.bounds.least:
            await asyncio.sleep(limit - instance.idle if instance.idle < limit else limit)
        self._stop(instance)

    async def _check(self, instance: Instance, probe: dict[str, Any]) -> None:
        """Kill an instance whose liveness probe fails: Cloud Run sends it SIGKILL, too."""
        await stuck(probe, instance.port)
        text = f"LIVENESS {kind(probe)} probe failed. The instance was shut down."
        self.launcher.say(instance, "ERROR", text)
        self.dismiss(instance, instance.process.kill)

    def _stop_idle(self) -> None:
        for instance in [instance for instance in self.instances if not instance.in_flight]:
            self._stop(instance)

    def _stop(self, instance: Instance) -> None:
        if self._part(instance):
            self.background(instance.process.stop())

    def _replace(self, lost: Instance) -> None:
        """Start another if one is needed: at once, but ever more slowly while one after the other is lost early."""
        self._crashes = 0 if lost.age >= STEADY else self._crashes + 1
        self._grow()
        if self.wanted and self._size() < self.bounds.least:
            self.background(self._replace_later(_pause(self._crashes)))

    async def _replace_later(self, pause: float) -> None:
        await asyncio.sleep(pause)
        self._keep_least()


def bounds(revision: Revision, service: Service | None = None) -> Bounds:
    """The revision's own bounds, and the service's: its least shared out by traffic, its most for each revision.

    Cloud Run shares out the most, too; here a revision must be able to get ready while another has all of it.
    """
    own = revision.template["scaling"]
    whole = service.settings.get("scaling", {}) if service else {}
    least = math.ceil(whole.get("minInstanceCount", 0) * share(service, revision.id.name) / 100) if service else 0
    most = min(own["maxInstanceCount"], whole.get("maxInstanceCount") or own["maxInstanceCount"])
    return Bounds(min(max(own["minInstanceCount"], least), most), most)


def _pause(crashes: int) -> float:
    return 0.0 if crashes <= 1 else min(FIRST_PAUSE * 2.0 ** min(crashes, 20), LONGEST_PAUSE)
