"""What can be done with services, whichever API asks: changes are checked, recorded and carried out."""

import secrets
from dataclasses import dataclass, replace

from netra_loop.localrun.control import render
from netra_loop.localrun.control.operations import Operation, Operations, after, done
from netra_loop.localrun.control.policies import Policies
from netra_loop.localrun.control.rollout import Rollouts
from netra_loop.localrun.errors import failed_precondition
from netra_loop.localrun.faults import Faults
from netra_loop.localrun.fields import Document
from netra_loop.localrun.routing.router import Router
from netra_loop.localrun.runtime.images import Images
from netra_loop.localrun.runtime.instances import Fleet
from netra_loop.localrun.services.catalog import Catalog
from netra_loop.localrun.services.declaration import Change, declare, read_declaration
from netra_loop.localrun.services.model import Allocation, Place, Revision, RevisionId, Service, ServiceId
from netra_loop.localrun.services.traffic import serving
from netra_loop.localrun.state.record import from_document, to_document


@dataclass(slots=True)
class Services:
    """What may change is decided by `declaration`, what then happens by `Rollouts`. `url` is the server's own."""

    catalog: Catalog
    images: Images
    fleet: Fleet
    router: Router
    rollouts: Rollouts
    operations: Operations
    policies: Policies
    faults: Faults
    url: str

    def resume(self) -> None:
        """Go on where the server before ended: doors, starts that were under way, and operations."""
        self.router.reopen()
        self.rollouts.resume()
        for operation in self.operations.under_way("Service", "Revision"):
            self.operations.go_on(operation, self._again(operation))

    async def _again(self, operation: Operation) -> Document:
        if operation.order is None:  # it awaited the end of processes, and they have ended with their server
            return operation.metadata
        return await self.rollouts.settle(from_document(Change, operation.order), self.document)

    def check(self, identity: ServiceId, previous: Service | None, body: Document) -> Change:
        """The change that a v2 Service document asks for; `previous` is the service as it is. Raises ApiError."""
        wanted = read_declaration(body, identity.name)
        image = self.images.resolve(wanted.template["containers"][0]["image"])
        existing = self.catalog.revisions(identity)
        return declare(previous, wanted, identity, existing, image.reference if image else "")

    def carry_out(self, change: Change) -> Operation:
        """Make a change known; the operation waits for its effect.

        Nothing else may run between the check and this, so that of two callers one sees the other's change.
        """
        identity = change.service.id
        with self.catalog.together():
            self.rollouts.record(change)
            self.router.open(identity)
            work = self.faults.hold(identity.name, self.rollouts.settle(change, self.document))
            metadata = self.document(change.service)
            return self.operations.begin(identity.place, "Service", metadata, work, to_document(change))

    def intrude(self, name: str) -> None:
        """A fault: somebody else deploys the services of a name, each with a revision of its own for all traffic."""
        for service in self._named(name):
            template = {key: value for key, value in service.template.items() if key != "revision"}
            labels = template["labels"] | {"foreign-writer": secrets.token_hex(4)}
            body = render.writable(service) | {"template": template | {"labels": labels}, "traffic": []}
            self.carry_out(self.check(service.id, service, body))

    def pin(self, name: str) -> None:
        """A fault: the traffic of the services of a name goes to revisions by name, as `--no-traffic` leaves it."""
        for service in self._named(name):
            named = [
                replace(one.target, allocation=Allocation.REVISION, revision=one.revision) for one in service.routes
            ]
            routes = [render.target_document(target) for target in named]
            self.carry_out(self.check(service.id, service, render.writable(service) | {"traffic": routes}))

    def _named(self, name: str) -> list[Service]:
        return [service for service in self.catalog.services() if service.id.name == name]

    def only_checked(self, change: Change) -> Operation:
        """An operation that is done: what the service would be."""
        settled = replace(change.service, observed=change.service.generation)
        document = render.service_document(settled, None, self.router.url)
        return self.operations.begin(settled.id.place, "Service", document, done(document))

    def remove(self, service: Service) -> Operation:
        """Forget a service at once; the operation waits for the end of its instances."""
        document = self.document(service)
        with self.catalog.together():
            self.catalog.remove_service(service.id)
            self.policies.remove(service.id.path)
            work = after(self.rollouts.forget(service.id), document)
            return self.operations.begin(service.id.place, "Service", document, work)

    def remove_revision(self, identity: RevisionId, *, only_check: bool = False) -> Operation:
        """Forget a revision at once; the operation waits for the end of its instances.

        Refused (FAILED_PRECONDITION) for a revision that traffic or a tag reaches, and for the latest.
        """
        revision, service = self.catalog.revision(identity), self.catalog.service(identity.service)
        if identity.name in serving(service) | {service.latest_created}:
            raise failed_precondition(
                f"Revision '{identity.name}' cannot be deleted: it is the latest one, or traffic or a tag is on it."
            )
        document = self.revision_document(revision)
        if only_check:
            return self.operations.begin(identity.service.place, "Revision", document, done(document))
        self.catalog.remove_revisions([identity])
        work = after(self.fleet.remove([identity]), document)
        return self.operations.begin(identity.service.place, "Revision", document, work)

    def revisions(self, place: Place) -> list[Revision]:
        """All revisions of a place, the newest first."""
        found = [
            item for service in self.catalog.services(place) for item in self.catalog.revisions(service.id).values()
        ]
        return newest_first(found)

    def latest(self, service: Service) -> Revision | None:
        """The revision that was created last, None once it is gone."""
        return self.catalog.find_revision(RevisionId(service.id, service.latest_created))

    def document(self, service: Service) -> Document:
        return render.service_document(service, self.latest(service), self.router.url)

    def revision_document(self, revision: Revision) -> Document:
        return render.revision_document(revision, self.log_uri(revision))

    def log_uri(self, revision: Revision) -> str:
        return f"{self.url}/_local/logs?revision={revision.id.name}"


def newest_first(revisions: list[Revision]) -> list[Revision]:
    return sorted(revisions, key=lambda item: item.created, reverse=True)
