"""Our own endpoints below /_local/: what real Cloud Run has no API for."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from netra_loop.localrun.api.http_api import Answer, ApiRequest, Route
from netra_loop.localrun.control import render
from netra_loop.localrun.control.services import Services
from netra_loop.localrun.errors import invalid
from netra_loop.localrun.faults import FaultKind, Faults, read_fault
from netra_loop.localrun.fields import Document, Fields
from netra_loop.localrun.logs.filter import compile_filter
from netra_loop.localrun.logs.store import LogStore
from netra_loop.localrun.restored import State
from netra_loop.localrun.routing.router import Router
from netra_loop.localrun.runtime.backing import Backing, Backings, Wanted, read_name, read_port
from netra_loop.localrun.runtime.images import Image, Images
from netra_loop.localrun.runtime.instance import Instance
from netra_loop.localrun.runtime.instances import Fleet
from netra_loop.localrun.runtime.process import memory_below, memory_of_this_process
from netra_loop.localrun.services.model import Revision, RevisionState, Service
from netra_loop.localrun.state.audit import Audit
from netra_loop.localrun.state.home import Home

MOST_LOGS = 1000


@dataclass(slots=True)
class LocalApi:
    """`identity` is version, pid, started and url, as status tells; `stop` ends the server; `home` is its folder."""

    state: State
    services: Services
    images: Images
    fleet: Fleet
    backings: Backings
    router: Router
    logs: LogStore
    audit: Audit
    faults: Faults
    identity: Document
    home: Home
    stop: Callable[[], None]

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/_local/status", self.status, api=""),
            Route("GET", "/_local/audit", self.list_audit, api=""),
            Route("GET", "/_local/logs", self.list_logs, api=""),
            Route("POST", "/_local/build", self.build, "build", needs_token=True, api=""),
            Route("POST", "/_local/backing", self.back, "back", needs_token=True, api=""),
            Route("GET", "/_local/faults", self.list_faults, api=""),
            Route("POST", "/_local/faults", self.arm_fault, "fault", needs_token=True, api=""),
            Route("DELETE", "/_local/faults", self.clear_faults, "fault", needs_token=True, api=""),
            Route("POST", "/_local/down", self.down, "down", needs_token=True, api=""),
        ]

    async def status(self, _: ApiRequest) -> Answer:
        """Everything that runs; `memory` is in bytes, `seed` is that of the traffic splits."""
        memory = await asyncio.to_thread(memory_below, [item.process.root for item in self._instances()])
        services = [self._service(service, memory) for service in self.state.catalog.services()]
        backing = [_backing(one) | {"alive": one.process.alive} for one in self.backings.all()]
        server = {"memory": memory_of_this_process(), "seed": self.router.seed, "state": await self._state()}
        return Answer(self.identity | server | {"services": services, "backing": backing})

    async def list_audit(self, _: ApiRequest) -> Answer:
        return Answer({"entries": list(self.audit.entries)})

    async def list_logs(self, request: ApiRequest) -> Answer:
        """The newest entries of a revision, of an execution or of all, oldest first; where their logUri leads."""
        wanted = [f"{field}={json.dumps(value)}" for field, value in (
            ("resource.labels.revision_name", request.parameter("revision")),
            ('labels."run.googleapis.com/execution_name"', request.parameter("execution")),
        ) if value]  # fmt: skip
        page = await self.logs.page(compile_filter(" AND ".join(wanted)), True, MOST_LOGS, "")
        return Answer({"entries": page.entries[::-1]})

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

    async def list_faults(self, _: ApiRequest) -> Answer:
        return Answer({"faults": [fault.document() for fault in self.faults.all()]})

    async def arm_fault(self, request: ApiRequest) -> Answer:
        fault = read_fault(request.json())
        if fault.kind is FaultKind.PINNED_TRAFFIC:
            self.services.pin(fault.service)
        else:
            self.faults.arm(fault)
        return Answer(fault.document(), fault.service)

    async def clear_faults(self, _: ApiRequest) -> Answer:
        self.faults.clear()
        self.router.stale.clear()
        return Answer({})

    async def down(self, _: ApiRequest) -> Answer:
        """Answers first, then the server stops; from now on nobody joins it."""
        self.home.withdraw()
        asyncio.get_running_loop().call_soon(self.stop)
        return Answer({})

    async def _state(self) -> Document:
        """`bytes` is the size of the whole folder, `restored` how many services were there at the start."""
        size = await asyncio.to_thread(self.home.size)
        return {
            "bytes": size, "restored": self.state.restored, "since": self.state.since, "damage": self.state.damage
        }  # fmt: skip

    async def _build(self, name: str, body: Fields) -> Image:
        try:
            return await asyncio.to_thread(self.images.build, name, Path(body.text("source")), self.home.folder)
        except OSError as error:
            raise invalid(f"source: {error}") from error

    def _instances(self) -> list[Instance]:
        revisions = [key for service in self.state.catalog.services() for key in self.fleet.revisions(service.id)]
        return [instance for revision in revisions for instance in self.fleet.instances(revision)]

    def _service(self, service: Service, memory: Mapping[int, int]) -> Document:
        revisions = self.state.catalog.revisions(service.id).values()
        return {
            "name": service.id.name,
            "url": self.router.url(service.id),
            "revisions": [self._revision(revision, memory) for revision in revisions],
            "traffic": render.traffic_statuses(service, self.router.url),
        }

    def _revision(self, revision: Revision, memory: Mapping[int, int]) -> Document:
        running = self.fleet.instances(revision.id)
        return {
            "name": revision.id.name,
            "digest": revision.image.partition("@")[2],
            "ready": revision.state is RevisionState.READY,
            "instances": [_instance(item) | {"memory": memory.get(item.process.root, 0)} for item in running],
        }


def _instance(instance: Instance) -> Document:
    return {"id": instance.id, "pid": instance.pid, "port": instance.port, "in_flight": instance.in_flight}


def _backing(backing: Backing) -> Document:
    return {"name": backing.wanted.name, "address": backing.wanted.address, "pid": backing.process.pid}
