"""The services and revisions that exist now: the one place that holds them, in memory and in the store."""

from collections.abc import Iterable
from contextlib import AbstractContextManager

from netra_loop.localrun.errors import ApiError, not_found
from netra_loop.localrun.services.model import Place, Revision, RevisionId, Service, ServiceId
from netra_loop.localrun.state.record import from_document, to_document
from netra_loop.localrun.state.store import Store

ANY_LOCATION = "-"
SERVICE, REVISION = "service", "revision"  # kinds in the store


class Catalog:
    """Lookups raise NOT_FOUND with Google's wording; lists are in order of creation."""

    def __init__(self, store: Store) -> None:
        """Begins with what the store has. Raises ValueError when that is not ours to read."""
        self._store = store
        services = [from_document(Service, document) for document in store.all(SERVICE).values()]
        revisions = [from_document(Revision, document) for document in store.all(REVISION).values()]
        self._services: dict[ServiceId, Service] = {service.id: service for service in services}
        self._revisions: dict[RevisionId, Revision] = {revision.id: revision for revision in revisions}

    def together(self) -> AbstractContextManager[None]:
        """Spans changes that survive together or not at all; nothing may be awaited within."""
        return self._store.together()

    def find(self, service: ServiceId) -> Service | None:
        return self._services.get(service)

    def service(self, service: ServiceId) -> Service:
        found = self._services.get(service)
        if found is None:
            raise missing("SERVICE", service.name, service.place)
        return found

    def revision(self, revision: RevisionId) -> Revision:
        found = self._revisions.get(revision)
        if found is None:
            raise missing("REVISION", revision.name, revision.service.place)
        return found

    def find_revision(self, revision: RevisionId) -> Revision | None:
        return self._revisions.get(revision)

    def services(self, place: Place | None = None) -> list[Service]:
        """Every service, or those of one place; the location `-` stands for all of a project's."""
        return [item for item in self._services.values() if place is None or within(item.id.place, place)]

    def revisions(self, service: ServiceId) -> dict[str, Revision]:
        """A service's revisions by name."""
        return {key.name: item for key, item in self._revisions.items() if key.service == service}

    def put_service(self, service: Service) -> None:
        self._store.put(SERVICE, service.id.path, to_document(service))
        self._services[service.id] = service

    def put_revision(self, revision: Revision) -> None:
        self._store.put(REVISION, revision.id.path, to_document(revision))
        self._revisions[revision.id] = revision

    def remove_service(self, service: ServiceId) -> None:
        """Forget a service and all its revisions."""
        with self._store.together():
            self._store.remove(SERVICE, service.path)
            self.remove_revisions([key for key in self._revisions if key.service == service])
        self._services.pop(service)

    def remove_revisions(self, revisions: Iterable[RevisionId]) -> None:
        with self._store.together():
            for revision in revisions:
                self._store.remove(REVISION, revision.path)
                del self._revisions[revision]


def within(place: Place, asked: Place) -> bool:
    """Whether a place is the one asked for; the location `-` stands for all of a project's."""
    return place.project == asked.project and asked.location in (place.location, ANY_LOCATION)


def missing(kind: str, name: str, place: Place) -> ApiError:
    """NOT_FOUND with Google's wording."""
    return not_found(
        f"Resource '{name}' of kind '{kind}' in region '{place.location}' in project '{place.project}' does not exist."
    )
