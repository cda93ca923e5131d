"""Cloud Run Admin API v1: services, revisions, configurations and routes over REST, as gcloud asks for them."""

from collections.abc import Callable
from dataclasses import dataclass

from netra_loop.localrun.api import knative_render as render
from netra_loop.localrun.api.http_api import Answer, ApiRequest, Route
from netra_loop.localrun.api.knative_read import read_v1_name, read_v1_service
from netra_loop.localrun.api.v1 import listed, place, region
from netra_loop.localrun.control.operations import Operation, Operations
from netra_loop.localrun.control.render import TagUrl
from netra_loop.localrun.control.services import Services
from netra_loop.localrun.errors import already_exists
from netra_loop.localrun.fields import Document, Fields
from netra_loop.localrun.services.catalog import missing
from netra_loop.localrun.services.declaration import require_etag, require_service_name
from netra_loop.localrun.services.model import Place, Revision, Service, ServiceId

NAMESPACE = "/apis/serving.knative.dev/v1/namespaces/{project}"
PLACE = "/v1/projects/{project}/locations/{location}"
REGIONS = ("asia-northeast1", "europe-west1", "us-central1", "us-east1")  # those of the samples, to choose from
LONGEST_WAIT = 60.0

Render = Callable[[Service, Revision | None, TagUrl], Document]


@dataclass(slots=True)
class Knative:
    """The handlers. A project is the namespace; the region is that of the host the request is for."""

    services: Services
    operations: Operations

    def routes(self) -> list[Route]:
        services, revisions = f"{NAMESPACE}/services", f"{NAMESPACE}/revisions"
        service, revision = f"{services}/{{service}}", f"{revisions}/{{revision}}"
        return [
            Route("POST", services, self.create_service, "create_service"),
            Route("GET", services, self.list_services),
            Route("GET", service, self.get_service),
            Route("PUT", service, self.replace_service, "update_service"),
            Route("DELETE", service, self.delete_service, "delete_service"),
            Route("GET", revisions, self.list_revisions),
            Route("GET", revision, self.get_revision),
            Route("DELETE", revision, self.delete_revision, "delete_revision"),
            Route("GET", f"{NAMESPACE}/configurations/{{service}}", self.get_configuration),
            Route("GET", f"{NAMESPACE}/configurations", self.list_configurations),
            Route("GET", f"{NAMESPACE}/routes/{{service}}", self.get_route),
            Route("GET", f"{NAMESPACE}/routes", self.list_routes),
            Route("GET", f"{PLACE}/services", self.list_services),
            Route("GET", f"{PLACE}/revisions", self.list_revisions),
            Route("POST", f"{PLACE}/operations/{{operation}}:wait", self.wait_operation),
            Route("GET", "/v1/projects/{project}/locations", self.list_locations),
        ]

    async def create_service(self, request: ApiRequest) -> Answer:
        identity = ServiceId(region(request), read_v1_name(request.json()))
        require_service_name(identity.name)
        if self.services.catalog.find(identity):
            raise already_exists(f"Resource '{identity.name}' already exists.")
        return self._change(request, identity, None)

    async def replace_service(self, request: ApiRequest) -> Answer:
        """Refused (ABORTED) when it was prepared on an older state of the service, as its `resourceVersion` tells."""
        service, metadata = self._service(request), Fields(request.json()).fields("metadata")
        if metadata.text("name") != service.id.name:
            raise metadata.wrong("name", f"'{metadata.text('name')}' is not the service of this request")
        version = metadata.text("resourceVersion")
        require_etag(service, f'"{version}"' if version else "")
        return self._change(request, service.id, service)

    def _change(self, request: ApiRequest, identity: ServiceId, previous: Service | None) -> Answer:
        change = self.services.check(identity, previous, read_v1_service(request.json()))
        if request.parameter("dryRun") == "all":
            return Answer(self._document(change.service), identity.name)
        operation = self.services.carry_out(change)
        document = render.v1_service(
            change.service, self.services.latest(change.service), self.services.router.url, _id(operation)
        )
        return Answer(document, identity.name, change.revision.id.name if change.revision else "")

    async def get_service(self, request: ApiRequest) -> Answer:
        return Answer(self._document(self._service(request)))

    async def list_services(self, request: ApiRequest) -> Answer:
        return self._list("Service", render.v1_service, request)

    async def delete_service(self, request: ApiRequest) -> Answer:
        service = self._service(request)
        if request.parameter("dryRun") != "all":
            self.services.remove(service)
        return Answer(_deleted("services", service.id.name), service.id.name)

    async def get_configuration(self, request: ApiRequest) -> Answer:
        return self._about(request, render.v1_configuration)

    async def list_configurations(self, request: ApiRequest) -> Answer:
        return self._list("Configuration", render.v1_configuration, request)

    async def get_route(self, request: ApiRequest) -> Answer:
        return self._about(request, render.v1_route)

    async def list_routes(self, request: ApiRequest) -> Answer:
        return self._list("Route", render.v1_route, request)

    async def list_revisions(self, request: ApiRequest) -> Answer:
        """The newest first."""
        documents = [self._revision_document(revision) for revision in self.services.revisions(place(request))]
        return listed(render.API, "Revision", documents, request)

    async def get_revision(self, request: ApiRequest) -> Answer:
        return Answer(self._revision_document(self._revision(request)))

    async def delete_revision(self, request: ApiRequest) -> Answer:
        revision = self._revision(request)
        self.services.remove_revision(revision.id, only_check=request.parameter("dryRun") == "all")
        return Answer(_deleted("revisions", revision.id.name), revision.id.service.name)

    async def wait_operation(self, request: ApiRequest) -> Answer:
        """Answers when the operation is done, at the latest after the `timeout` in the body or a minute.

        An operation that failed is done as well: that it failed is said by the conditions of its service, or by the
        operation when the service was deleted meanwhile.
        """
        seconds = Fields(request.json()).seconds("timeout", LONGEST_WAIT)
        name = f"{place(request).path}/operations/{request.args['operation']}"
        operation = await self.operations.wait(name, min(seconds, LONGEST_WAIT))
        document: Document = {"name": operation.name, "done": operation.done}
        service = self._service_of(operation)
        if operation.done and service is not None:
            kind = {"@type": "type.googleapis.com/google.cloud.run.v1.Service"}
            document["response"] = kind | self._document(service)
        elif operation.failure is not None:
            document["error"] = {"code": operation.failure.code, "message": operation.failure.message}
        return Answer(document)

    async def list_locations(self, request: ApiRequest) -> Answer:
        path = f"projects/{request.args['project']}/locations"
        return Answer({"locations": [{"name": f"{path}/{region}", "locationId": region} for region in REGIONS]})

    def _service_of(self, operation: Operation) -> Service | None:
        where = Place(*operation.name.split("/")[1:4:2])
        return self.services.catalog.find(ServiceId(where, operation.metadata["name"].rpartition("/")[2]))

    def _service(self, request: ApiRequest) -> Service:
        return self.services.catalog.service(ServiceId(region(request), request.args["service"]))

    def _revision(self, request: ApiRequest) -> Revision:
        name = request.args["revision"]
        for revision in self.services.revisions(region(request)):
            if revision.id.name == name:
                return revision
        raise missing("REVISION", name, region(request))

    def _about(self, request: ApiRequest, write: Render) -> Answer:
        service = self._service(request)
        return Answer(write(service, self.services.latest(service), self.services.router.url))

    def _list(self, kind: str, write: Render, request: ApiRequest) -> Answer:
        services = self.services.catalog.services(place(request))
        url = self.services.router.url
        return listed(
            render.API, kind, [write(service, self.services.latest(service), url) for service in services], request
        )

    def _document(self, service: Service) -> Document:
        return render.v1_service(service, self.services.latest(service), self.services.router.url)

    def _revision_document(self, revision: Revision) -> Document:
        service = self.services.catalog.service(revision.id.service)
        return render.v1_revision(revision, service, self.services.log_uri(revision))


def _deleted(kind: str, name: str) -> Document:
    details = {"group": "serving.knative.dev", "kind": kind, "name": name}
    return {"status": "Success", "details": details}


def _id(operation: Operation) -> str:
    return operation.name.rpartition("/")[2]
