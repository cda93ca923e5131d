"""The server: everything wired together, listening, and its orderly end."""

import asyncio
import os
import secrets
import signal
import sys
from dataclasses import dataclass

from netra_loop.localrun import clock
from netra_loop.localrun.activity import Activity
from netra_loop.localrun.api.admin import Admin
from netra_loop.localrun.api.control_plane import ControlPlane
from netra_loop.localrun.api.http1 import Peer
from netra_loop.localrun.api.http_api import Route
from netra_loop.localrun.api.iam import IamApi
from netra_loop.localrun.api.jobs_api import JobsApi
from netra_loop.localrun.api.jobs_knative import JobsKnative
from netra_loop.localrun.api.knative_api import Knative
from netra_loop.localrun.api.local_api import LocalApi
from netra_loop.localrun.api.log_api import LogApi
from netra_loop.localrun.api.other_apis import PROJECT_NUMBER, OtherApis
from netra_loop.localrun.api.source_api import SourceApi
from netra_loop.localrun.api.storage_api import StorageApi
from netra_loop.localrun.control.operations import KIND as OPERATION
from netra_loop.localrun.control.policies import Policies
from netra_loop.localrun.control.rollout import Rollouts
from netra_loop.localrun.control.services import Services
from netra_loop.localrun.faults import Faults
from netra_loop.localrun.http.conversations import Conversations
from netra_loop.localrun.http.wire import listen
from netra_loop.localrun.jobs.jobs import Jobs
from netra_loop.localrun.jobs.runner import Runner
from netra_loop.localrun.logs.intake import Intake
from netra_loop.localrun.logs.store import LogStore
from netra_loop.localrun.restored import read_state
from netra_loop.localrun.routing.doors import CONTROL_PLANE
from netra_loop.localrun.routing.router import Router
from netra_loop.localrun.runtime.backing import Backings
from netra_loop.localrun.runtime.group import Patience
from netra_loop.localrun.runtime.images import DIGEST, Images
from netra_loop.localrun.runtime.instance import Launcher
from netra_loop.localrun.runtime.instances import Fleet
from netra_loop.localrun.runtime.ports import Ports
from netra_loop.localrun.source.build import Builds
from netra_loop.localrun.source.upload import Uploads
from netra_loop.localrun.state.audit import Audit
from netra_loop.localrun.state.home import Home

VERSION = "1"
IDLE_LOOK = 0.5  # seconds between two looks whether anybody still needs us


@dataclass(frozen=True, slots=True)
class Settings:
    """`port` 0 is the one before, `idle` 0 is never; `idle` and `grace` (SIGTERM to SIGKILL) are in seconds.

    `patience` is that of requests and of instances, `seed` decides how traffic splits fall out.
    """

    port: int
    idle: float
    grace: float
    patience: Patience
    seed: int
    most_revisions: int


class Server:
    """One embedded Cloud Run; construct it within the event loop that is to run it."""

    def __init__(self, home: Home, settings: Settings) -> None:
        self._home = home
        self._settings = settings
        self._stopped = asyncio.Event()
        self._activity = Activity()
        self._logs = LogStore(home.logs)
        self._state = read_state(home.state)
        self._catalog = self._state.catalog
        self._images = Images(home.images)
        self._uploads = Uploads(home.uploads)
        if not self._state.damage:
            self._images.prune(self._state.store.mentions(DIGEST, ignored=OPERATION))
        self._audit = Audit(home.audit)
        self._faults = Faults()
        ports = Ports()
        intake = Intake(self._logs, self._faults)
        self._fleet = Fleet(Launcher(self._images, intake, settings.grace, ports), settings.patience)
        self._backings = Backings(home.backing, settings.grace, ports=ports)
        self._router = Router(
            self._catalog, self._fleet, intake, self._activity, settings.seed, self._state.doors
        )  # fmt: skip
        self._rollouts = Rollouts(self._catalog, self._fleet, self._router, self._faults, settings.most_revisions)
        self._policies = Policies(self._state.store)
        self._runner = Runner(self._state.jobs, self._images, intake, self._activity, settings.grace)

    async def run(self) -> None:
        """Serve until a signal, a `down` call or idleness says stop; then stop every process."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopped.set)
        self._home.withdraw()  # a server that was killed could not
        listener = listen(self._settings.port) if self._settings.port else self._state.doors.listen(CONTROL_PLANE)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        identity = {"version": VERSION, "pid": os.getpid(), "started": clock.now(), "url": url}
        token = secrets.token_urlsafe(32)
        services, jobs = self._services(url), self._jobs(url)
        services.resume()
        jobs.resume()
        plane = ControlPlane(
            self._routes(services, jobs, identity), self._audit, self._activity, self._faults, services.intrude, token
        )
        conversations = Conversations(plane.serve_one, Peer)
        async with await conversations.listen(listener) as server:
            idle = asyncio.create_task(self._watch_idleness())
            self._home.announce(identity | {"token": token})
            try:
                await self._stopped.wait()
            finally:
                self._home.withdraw()
                server.close()
                idle.cancel()
                await self._stop()
                conversations.drop()
                self._state.store.close()

    def _services(self, url: str) -> Services:
        return Services(
            self._catalog, self._images, self._fleet, self._router, self._rollouts, self._state.operations,
            self._policies, self._faults, url,
        )  # fmt: skip

    def _jobs(self, url: str) -> Jobs:
        return Jobs(self._state.jobs, self._images, self._runner, self._state.operations, url)

    def _routes(self, services: Services, jobs: Jobs, identity: dict[str, object]) -> list[Route]:
        local = LocalApi(
            self._state, services, self._images, self._fleet, self._backings, self._router, self._logs, self._audit,
            self._faults, identity, self._home, self._stopped.set,
        )  # fmt: skip
        storage = StorageApi(self._uploads, services.url, PROJECT_NUMBER)
        source = SourceApi(Builds(self._images, self._uploads, services.url), PROJECT_NUMBER)
        return [
            *local.routes(),
            *Admin(services, self._state.operations).routes(),
            *Knative(services, self._state.operations).routes(),
            *IamApi(self._policies, self._catalog, self._state.jobs).routes(),
            *OtherApis().routes(),
            *storage.routes(),
            *source.routes(),
            *JobsApi(jobs).routes(),
            *JobsKnative(jobs).routes(),
            *LogApi(self._logs).routes(),
        ]

    async def _stop(self) -> None:
        self._router.close_all()
        await self._state.operations.stop()
        await self._rollouts.stop()
        await self._runner.stop()
        await self._fleet.stop_all()
        await self._backings.stop()  # last of the processes, as a service may need one until it has ended
        self._logs.close()

    async def _watch_idleness(self) -> None:
        while not self._settings.idle or self._activity.idle() < self._settings.idle:
            await asyncio.sleep(IDLE_LOOK)
        sys.stderr.write(f"nobody asked for anything in {self._settings.idle:g} seconds, so this ends\n")
        self._stopped.set()
