"""One instance: a process that serves a revision, from its start until it is ready."""

import secrets
import time
from dataclasses import dataclass, field

from netra_loop.localrun.http.connections import Connections
from netra_loop.localrun.logs.entries import Source, line_entry, system_entry
from netra_loop.localrun.logs.intake import Intake
from netra_loop.localrun.runtime.images import Image, Images
from netra_loop.localrun.runtime.launch import command_line, environment, working_folder
from netra_loop.localrun.runtime.ports import Ports
from netra_loop.localrun.runtime.probe import kind, started, succeeds
from netra_loop.localrun.runtime.process import Process
from netra_loop.localrun.services import failures
from netra_loop.localrun.services.model import Failure, Revision


class StartFailed(Exception):
    """A revision has no instance because none could be started; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(eq=False, slots=True)
class Instance:
    """A process that serves one revision. `in_flight` counts its requests, `since` is when that last became 0."""

    id: str
    port: int
    process: Process
    source: Source
    connections: Connections
    in_flight: int = 0
    since: float = field(default_factory=time.monotonic)
    started: float = field(default_factory=time.monotonic)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def idle(self) -> float:
        """Seconds without a request."""
        return 0.0 if self.in_flight else time.monotonic() - self.since

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.started


@dataclass(slots=True)
class Launcher:
    """Starts instances; from SIGTERM to SIGKILL they have `grace` seconds."""

    images: Images
    logs: Intake
    grace: float
    ports: Ports

    async def start(self, revision: Revision) -> Instance:
        """An instance whose startup probe has succeeded. Raises StartFailed."""
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
        return instance

    def say(self, instance: Instance, severity: str, text: str) -> None:
        """Log what the platform has to say of an instance."""
        self.logs.append(system_entry(instance.source, severity, text))

    async def _spawn(self, revision: Revision, image: Image) -> Instance:
        source = Source(revision.id, secrets.token_hex(32))
        self.logs.append(system_entry(source, "INFO", "Starting new instance."))
        port = self.ports.free()
        container = revision.template["containers"][0]
        argv, folder = command_line(image, container), working_folder(image, container)

        def on_line(stream: str, text: str) -> None:
            self.logs.append(line_entry(source, stream, text))

        start = Process.start(argv, environment(revision, port), folder, self.grace, on_line)
        process = await self.ports.lend(port, start)
        return Instance(source.instance, port, process, source, Connections(port))

    async def _await_startup(self, instance: Instance, revision: Revision) -> None:
        """Return when the startup probe succeeded; raise StartFailed when it failed or the process ended before."""
        probe = revision.template["containers"][0]["startupProbe"]
        succeeded = await succeeds(started(probe, instance.port), instance.process)
        if not instance.process.alive:
            self.say(instance, "WARNING", f"Container called exit({await instance.process.wait()}).")
        if not succeeded:
            self.say(instance, "ERROR", f"STARTUP {kind(probe)} probe failed. The instance was not started.")
            raise StartFailed(failures.not_started(revision))
        self.say(instance, "INFO", f"STARTUP {kind(probe)} probe succeeded on port {instance.port}.")
