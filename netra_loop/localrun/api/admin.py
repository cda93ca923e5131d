"""Cloud Run Admin API v2: services, revisions and operations over REST."""

from dataclasses import dataclass

from netra_loop.localrun.api.http_api import Answer, ApiRequest, Route, page_document, page_of
from netra_loop.localrun.control import render
from netra_loop.localrun.control.operations import Operation, Operations, done
from netra_loop.localrun.control.services import Services, newest_first
from netra_loop.localrun.errors import already_exists, invalid
from netra_loop.localrun.fields import Document, Fields
from netra_loop.localrun.services.declaration import merge, require_etag, require_service_name
from netra_loop.localrun.services.model import Place, RevisionId, Service, ServiceId

PLACE = "/v2/projects/{project}/locations/{location}"
LONGEST_WAIT = 60.0


@dataclass(slots=True)
class Admin:
    """The handlers."""

    services: Services
    operations: Operations

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
            Route("GET", f"{PLACE}/operations", self.list_operations),
            Route("GET", operation, self.get_operation),
            Route("DELETE", operation, self.delete_operation, "delete_operation"),
            Route("POST", f"{operation}:wait", self.wait_operation),
        ]

    async def create_service(self, request: ApiRequest) -> Answer:
        identity = ServiceId(_place(request), request.parameter("serviceId"))
        require_service_name(identity.name)
        if self.services.catalog.find(identity):
            raise already_exists(f"Resource '{identity.name}' already exists.")
        return self._change(request, identity, None, request.json())

    async def update_service(self, request: ApiRequest) -> Answer:
        identity, body = _service(request), request.json()
        _require_same_name(identity, body)
        current = self.services.catalog.find(identity)
        if current is None and request.flag("allowMissing"):
            require_service_name(identity.name)
            return self._change(request, identity, None, body)
        service = self.services.catalog.service(identity)
        require_etag(service, Fields(body).text("etag"))
        merged = merge(render.writable(service), body, request.parameter("updateMask"))
        return self._change(request, identity, service, merged)

    def _change(self, request: ApiRequest, identity: ServiceId, previous: Service | None, body: Document) -> Answer:
        change = self.services.check(identity, previous, body)
        if request.flag("validateOnly"):
            return Answer(self.services.only_checked(change).document(), identity.name)
        operation = self.services.carry_out(change)
        return Answer(operation.document(), identity.name, change.revision.id.name if change.revision else "")

    async def get_service(self, request: ApiRequest) -> Answer:
        return Answer(self.services.document(self.services.catalog.service(_service(request))))

    async def list_services(self, request: ApiRequest) -> Answer:
        page, token = page_of(self.services.catalog.services(_place(request)), request)
        return Answer(page_document("services", [self.services.document(service) for service in page], token))

    async def delete_service(self, request: ApiRequest) -> Answer:
        service = self.services.catalog.service(_service(request))
        require_etag(service, request.parameter("etag"))
        return Answer(self._removal(request, service).document(), service.id.name)

    def _removal(self, request: ApiRequest, service: Service) -> Operation:
        if not request.flag("validateOnly"):
            return self.services.remove(service)
        document = self.services.document(service)
        return self.operations.begin(service.id.place, "Service", document, done(document))

    async def list_revisions(self, request: ApiRequest) -> Answer:
        """The newest first. The service `-` stands for all of them."""
        identity = _service(request)
        revisions = self.services.revisions(identity.place)
        if identity.name != "-":
            service = self.services.catalog.service(identity)
            revisions = newest_first(list(self.services.catalog.revisions(service.id).values()))
        page, token = page_of(revisions, request)
        return Answer(page_document("revisions", [self.services.revision_document(item) for item in page], token))

    async def get_revision(self, request: ApiRequest) -> Answer:
        return Answer(self.services.revision_document(self.services.catalog.revision(_revision(request))))

    async def delete_revision(self, request: ApiRequest) -> Answer:
        identity = _revision(request)
        operation = self.services.remove_revision(identity, only_check=request.flag("validateOnly"))
        return Answer(operation.document(), identity.service.name)

    async def list_operations(self, request: ApiRequest) -> Answer:
        """The newest first."""
        place = _place(request)
        page, token = page_of(self.operations.all(place.path)[::-1], request)
        return Answer(page_document("operations", [operation.document() for operation in page], token))

    async def delete_operation(self, request: ApiRequest) -> Answer:
        """Forget an operation; what it does goes on."""
        self.operations.remove(_operation(request))
        return Answer({})

    async def get_operation(self, request: ApiRequest) -> Answer:
        return Answer(self.operations.get(_operation(request)).document())

    async def wait_operation(self, request: ApiRequest) -> Answer:
        """Answers when the operation is done, at the latest after the `timeout` in the body or a minute."""
        seconds = Fields(request.json()).seconds("timeout", LONGEST_WAIT)
        operation = await self.operations.wait(_operation(request), min(seconds, LONGEST_WAIT))
        return Answer(operation.document())


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
