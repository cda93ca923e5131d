"""Cloud Run Admin API v2: services, revisions and operations over REST."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from netra_loop.localrun import render
from netra_loop.localrun.catalog import Catalog
from netra_loop.localrun.declaration import (
    Change,
    declare,
    merge,
    read_declaration,
    require_etag,
    require_service_name,
)
from netra_loop.localrun.errors import already_exists, failed_precondition, invalid
from netra_loop.localrun.fields import Document, Fields
from netra_loop.localrun.http_api import Answer, ApiRequest, Route, page_document
from netra_loop.localrun.images import Images
from netra_loop.localrun.instances import Fleet
from netra_loop.localrun.model import Place, Revision, RevisionId, Service, ServiceId
from netra_loop.localrun.operations import Operation, Operations, done
from netra_loop.localrun.record import from_document, to_document
from netra_loop.localrun.rollout import Rollouts
from netra_loop.localrun.router import Router
from netra_loop.localrun.traffic import serving

PLACE = "/v2/projects/{project}/locations/{location}"
LARGEST_PAGE = 1000
LONGEST_WAIT = 60.0

Item = TypeVar("Item")


@dataclass(slots=True)
class Admin:
    """The handlers. What may change is decided by `declaration`, what then happens by `Rollouts`."""

    catalog: Catalog
    images: Images
    fleet: Fleet
    router: Router
    rollouts: Rollouts
    operations: Operations
    url: str

    def routes(self) -> list[Route]:
        service, operation = f"{PLACE}/services/{{service}}", f"{PLACE}/operations/{{operation}}"
        revision = f"{service}/revisions/{{revision}}"
        return [
            Route("POST", f"{PLACE}/services", self.create_service, "create_service"),
            Route("GET", f"{PLACE}/services", self.list_services),
            Route("GET", service, self.get_service),
            Route("PATCH", service, self.update_service, "update_service"),
            Route("DELETE", service, self.delete_service, "delete_service"),
            Route("GET", f"{service}/revisions", self.list_revisions),
            Route("GET", revision, self.get_revision),
            Route("DELETE", revision, self.delete_revision, "delete_revision"),
            Route("GET", operation, self.get_operation),
            Route("POST", f"{operation}:wait", self.wait_operation),
        ]

    def resume(self) -> None:
        """Go on where the server before ended: doors, starts that were under way, and operations."""
        self.router.reopen()
        self.rollouts.resume()
        for operation in self.operations.under_way():
            self.operations.go_on(operation, self._again(operation))

    async def _again(self, operation: Operation) -> Document:
        if operation.order is None:  # it awaited the end of processes, and they have ended with their server
            return operation.metadata
        return await self.rollouts.settle(from_document(Change, operation.order), self._document)

    async def create_service(self, request: ApiRequest) -> Answer:
        identity = ServiceId(_place(request), request.parameter("serviceId"))
        require_service_name(identity.name)
        if self.catalog.find(identity):
            raise already_exists(f"Resource '{identity.name}' already exists.")
        return await self._change(request, identity, None, request.json())

    async def update_service(self, request: ApiRequest) -> Answer:
        identity, body = _service(request), request.json()
        _require_same_name(identity, body)
        current = self.catalog.find(identity)
        if current is None and request.flag("allowMissing"):
            require_service_name(identity.name)
            return await self._change(request, identity, None, body)
        service = self.catalog.service(identity)
        require_etag(service, Fields(body).text("etag"))
        merged = merge(render.writable(service), body, request.parameter("updateMask"))
        return await self._change(request, identity, service, merged)

    async def _change(
        self, request: ApiRequest, identity: ServiceId, previous: Service | None, body: Document
    ) -> Answer:
        """Check a change, make it known and answer with the operation that waits for its effect.

        Nothing else runs between the check and the record, so that of two callers one sees the other's change.
        """
        wanted = read_declaration(body, identity.name)
        image = self.images.resolve(wanted.template["containers"][0]["image"])
        existing = self.catalog.revisions(identity)
        change = declare(previous, wanted, identity, existing, image.reference if image else "")
        if request.flag("validateOnly"):
            return self._validated(identity, change)
        with self.catalog.together():
            self.rollouts.record(change)
            self.router.open(identity)
            document, order = self._document(change.service), to_document(change)
            work = self.rollouts.settle(change, self._document)
            operation = self.operations.begin(identity.place, "Service", document, work, order)
        return Answer(operation.document(), identity.name, change.revision.id.name if change.revision else "")

    def _validated(self, identity: ServiceId, change: Change) -> Answer:
        settled = replace(change.service, observed=change.service.generation)
        document = render.service_document(settled, None, self.router.url)
        operation = self.operations.begin(identity.place, "Service", document, done(document))
        return Answer(operation.document(), identity.name)

    async def get_service(self, request: ApiRequest) -> Answer:
        return Answer(self._document(self.catalog.service(_service(request))))

    async def list_services(self, request: ApiRequest) -> Answer:
        page, token = _page(self.catalog.services(_place(request)), request)
        return Answer(page_document("services", [self._document(service) for service in page], token))

    async def delete_service(self, request: ApiRequest) -> Answer:
        service = self.catalog.service(_service(request))
        require_etag(service, request.parameter("etag"))
        document = self._document(service)
        if request.flag("validateOnly"):
            operation = self.operations.begin(service.id.place, "Service", document, done(document))
            return Answer(operation.document(), service.id.name)
        with self.catalog.together():
            self.catalog.remove_service(service.id)
            work = _after(self.rollouts.forget(service.id), document)
            operation = self.operations.begin(service.id.place, "Service", document, work)
        return Answer(operation.document(), service.id.name)

    async def list_revisions(self, request: ApiRequest) -> Answer:
        """The newest first. The service `-` stands for all of them."""
        identity = _service(request)
        services = self.catalog.services(identity.place)
        if identity.name != "-":
            services = [self.catalog.service(identity)]
        revisions = [item for service in services for item in self.catalog.revisions(service.id).values()]
        page, token = _page(sorted(revisions, key=lambda item: item.created, reverse=True), request)
        return Answer(page_document("revisions", [self._revision_document(item) for item in page], token))

    async def get_revision(self, request: ApiRequest) -> Answer:
        return Answer(self._revision_document(self.catalog.revision(_revision(request))))

    async def delete_revision(self, request: ApiRequest) -> Answer:
        """Refused (FAILED_PRECONDITION) for a revision that traffic or a tag reaches, and for the latest."""
        identity = _revision(request)
        revision, service = self.catalog.revision(identity), self.catalog.service(identity.service)
        if identity.name in serving(service) | {service.latest_created}:
            raise failed_precondition(
                f"Revision '{identity.name}' cannot be deleted: it is the latest one, or traffic or a tag is on it."
            )
        document = self._revision_document(revision)
        if request.flag("validateOnly"):
            work = done(document)
        else:
            self.catalog.remove_revisions([identity])
            work = _after(self.fleet.remove([identity]), document)
        operation = self.operations.begin(identity.service.place, "Revision", document, work)
        return Answer(operation.document(), identity.service.name)

    async def get_operation(self, request: ApiRequest) -> Answer:
        return Answer(self.operations.get(_operation(request)).document())

    async def wait_operation(self, request: ApiRequest) -> Answer:
        """Answers when the operation is done, at the latest after the `timeout` in the body or a minute."""
        seconds = Fields(request.json()).seconds("timeout", LONGEST_WAIT)
        operation = await self.operations.wait(_operation(request), min(seconds, LONGEST_WAIT))
        return Answer(operation.document())

    def _document(self, service: Service) -> Document:
        latest = self.catalog.find_revision(RevisionId(service.id, service.latest_created))
        return render.service_document(service, latest, self.router.url)

    def _revision_document(self, revision: Revision) -> Document:
        return render.revision_document(revision, f"{self.url}/_local/logs?revision={revision.id.name}")


async def _after(event: Awaitable[object], document: Document) -> Document:
    """Work whose result is known already, and that is done with an event."""
    await event
    return document


def _place(request: ApiRequest) -> Place:
    return Place(request.args["project"], request.args["location"])


def _service(request: ApiRequest) -> ServiceId:
    return ServiceId(_place(request), request.args["service"])


def _revision(request: ApiRequest) -> RevisionId:
    return RevisionId(_service(request), request.args["revision"])


def _operation(request: ApiRequest) -> str:
    return f"{_place(request).path}/operations/{request.args['operation']}"


def _require_same_name(identity: ServiceId, body: Document) -> None:
    name = Fields(body).text("name")
    if name and name != identity.path:
        raise invalid(f"service.name: '{name}' is not the service of this request, '{identity.path}'")


def _page(items: Sequence[Item], request: ApiRequest) -> tuple[Sequence[Item], str]:
    """One page and the token of the next; a token is the place in the list where it begins."""
    size, start = min(request.number("pageSize", LARGEST_PAGE), LARGEST_PAGE), request.number("pageToken", 0)
    end = start + size
    return items[start:end], str(end) if end < len(items) else ""
