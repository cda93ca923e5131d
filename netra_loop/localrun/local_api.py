"""Our own endpoints below /_local/: what real Cloud Run has no API for."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from netra_loop.localrun import render
from netra_loop.localrun.audit import Audit
from netra_loop.localrun.backing import Backing, Backings, Wanted, read_name, read_port
from netra_loop.localrun.catalog import Catalog
from netra_loop.localrun.errors import invalid
from netra_loop.localrun.fields import Document, Fields
from netra_loop.localrun.http_api import Answer, ApiRequest, Route
from netra_loop.localrun.images import Image, Images
from netra_loop.localrun.instances import Fleet
from netra_loop.localrun.log_store import LogStore
from netra_loop.localrun.model import Revision, RevisionState, Service
from netra_loop.localrun.router import Router


@dataclass(slots=True)
class LocalApi:
    """`identity` is version, pid, started and url, as status tells; `stop` ends the server; `home` is its folder."""

    catalog: Catalog
    images: Images
    fleet: Fleet
    backings: Backings
    router: Router
    logs: LogStore
    audit: Audit
    identity: Document
    home: Path
    stop: Callable[[], None]

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/_local/status", self.status, api=""),
            Route("GET", "/_local/audit", self.list_audit, api=""),
            Route("GET", "/_local/logs", self.list_logs, api=""),
            Route("POST", "/_local/build", self.build, "build", needs_token=True, api=""),
            Route("POST", "/_local/backing", self.back, "back", needs_token=True, api=""),
            Route("POST", "/_local/down", self.down, "down", needs_token=True, api=""),
        ]

    async def status(self, _: ApiRequest) -> Answer:
        services = [self._service(service) for service in self.catalog.services()]
        backing = [_backing(one) | {"alive": one.process.alive} for one in self.backings.all()]
        return Answer(self.identity | {"services": services, "backing": backing})

    async def list_audit(self, _: ApiRequest) -> Answer:
        return Answer({"entries": self.audit.entries})

    async def list_logs(self, request: ApiRequest) -> Answer:
        """The entries of one revision, or of all, oldest first; where a revision's logUri leads."""
        revision = request.parameter("revision")

        def belongs(entry: Document) -> bool:
            return revision in ("", entry["resource"]["labels"].get("revision_name"))

        return Answer({"entries": await self.logs.matching(belongs)})

    async def build(self, request: ApiRequest) -> Answer:
        body = Fields(request.json())
        body.expect_only(("name", "source"))
        name = body.text("name")
        image = await self._build(name, body)
        return Answer({"image": image.name, "digest": image.digest, "reference": image.reference}, name)

    async def back(self, request: ApiRequest) -> Answer:
        """Have a backing process run, of what its source folder holds now."""
        body = Fields(request.json())
        body.expect_only(("name", "source", "address"))
        name, port = read_name(body.text("name")), read_port(body.text("address"))
        backing = await self.backings.ensure(Wanted(name, await self._build(f"backing/{name}", body), port))
        return Answer(_backing(backing) | {"digest": backing.wanted.image.digest}, name)

    async def down(self, _: ApiRequest) -> Answer:
        """Answers first, then the server stops."""
        asyncio.get_running_loop().call_soon(self.stop)
        return Answer({})

    async def _build(self, name: str, body: Fields) -> Image:
        try:
            return await asyncio.to_thread(self.images.build, name, Path(body.text("source")), self.home)
        except OSError as error:
            raise invalid(f"source: {error}") from error

    def _service(self, service: Service) -> Document:
        revisions = self.catalog.revisions(service.id).values()
        return {
            "name": service.id.name,
            "url": self.router.url(service.id),
            "revisions": [self._revision(revision) for revision in revisions],
            "traffic": render.traffic_statuses(service, self.router.url),
        }

    def _revision(self, revision: Revision) -> Document:
        running = self.fleet.instances(revision.id)
        return {
            "name": revision.id.name,
            "digest": revision.image.partition("@")[2],
            "ready": revision.state is RevisionState.READY,
            "instances": [{"id": item.id, "pid": item.pid, "port": item.port} for item in running],
        }


def _backing(backing: Backing) -> Document:
    return {"name": backing.wanted.name, "address": backing.wanted.address, "pid": backing.process.pid}
