"""The server: everything wired together, listening, and its orderly end."""

import asyncio
import os
import secrets
import signal
import sys
from dataclasses import dataclass

from netra_loop.localrun import clock
from netra_loop.localrun.activity import Activity
from netra_loop.localrun.admin import Admin
from netra_loop.localrun.audit import Audit
from netra_loop.localrun.backing import Backings
from netra_loop.localrun.catalog import Catalog
from netra_loop.localrun.control_plane import ControlPlane
from netra_loop.localrun.home import Home
from netra_loop.localrun.http1 import Conversations, listen
from netra_loop.localrun.http_api import Route
from netra_loop.localrun.images import Images
from netra_loop.localrun.instances import Fleet
from netra_loop.localrun.local_api import LocalApi
from netra_loop.localrun.log_api import LogApi
from netra_loop.localrun.log_store import LogStore
from netra_loop.localrun.operations import Operations
from netra_loop.localrun.rollout import Rollouts
from netra_loop.localrun.router import Router
from netra_loop.localrun.source_api import SourceApi
from netra_loop.localrun.source_build import Builds
from netra_loop.localrun.source_upload import Uploads
from netra_loop.localrun.storage_api import StorageApi

VERSION = "1"
PROJECT_NUMBER = "123456789012"
IDLE_LOOK = 0.5  # seconds between two looks whether anybody still needs us


@dataclass(frozen=True, slots=True)
class Settings:
    """`port` 0 is any free one, `idle` 0 is never; `idle` and `grace` (SIGTERM to SIGKILL) are in seconds."""

    port: int
    idle: float
    grace: float


class Server:
    """One embedded Cloud Run; construct it within the event loop that is to run it."""

    def __init__(self, home: Home, settings: Settings) -> None:
        self._home = home
        self._settings = settings
        self._stopped = asyncio.Event()
        self._activity = Activity()
        self._logs = LogStore()
        self._catalog = Catalog()
        self._images = Images(home.images)
        self._uploads = Uploads(home.uploads)
        self._audit = Audit(home.audit)
        self._operations = Operations()
        self._fleet = Fleet(self._images, self._logs, settings.grace)
        self._backings = Backings(home.backing, settings.grace)
        self._router = Router(self._catalog, self._fleet, self._logs, self._activity)
        self._rollouts = Rollouts(self._catalog, self._fleet, self._router)

    async def run(self) -> None:
        """Serve until a signal, a `down` call or idleness says stop; then stop every process."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopped.set)
        self._home.withdraw()  # a server that was killed could not
        listener = listen(self._settings.port)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        identity = {"version": VERSION, "pid": os.getpid(), "started": clock.now(), "url": url}
        token = secrets.token_urlsafe(32)
        plane = ControlPlane(self._routes(url, identity), self._audit, self._activity, token)
        conversations = Conversations(plane.serve_one)
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

    def _routes(self, url: str, identity: dict[str, object]) -> list[Route]:
        admin = Admin(self._catalog, self._images, self._fleet, self._router, self._rollouts, self._operations, url)
        local = LocalApi(
            self._catalog, self._images, self._fleet, self._backings, self._router, self._logs, self._audit,
            identity, self._home.folder, self._stopped.set,
        )  # fmt: skip
        storage = StorageApi(self._uploads, url, PROJECT_NUMBER)
        source = SourceApi(Builds(self._images, self._uploads, url), PROJECT_NUMBER)
        logs = LogApi(self._logs)
        return [*local.routes(), *admin.routes(), *logs.routes(), *storage.routes(), *source.routes()]

    async def _stop(self) -> None:
        self._router.close()
        await self._operations.stop()
        await self._rollouts.stop()
        await self._fleet.stop_all()
        await self._backings.stop()  # last, as a service may need one until it has ended

    async def _watch_idleness(self) -> None:
        while not self._settings.idle or self._activity.idle() < self._settings.idle:
            await asyncio.sleep(IDLE_LOOK)
        sys.stderr.write(f"nobody asked for anything in {self._settings.idle:g} seconds, so this ends\n")
        self._stopped.set()
