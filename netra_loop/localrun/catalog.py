"""The services and revisions that exist now, in memory: the one place that holds them."""

from collections.abc import Iterable

from netra_loop.localrun.errors import ApiError, not_found
from netra_loop.localrun.model import Place, Revision, RevisionId, Service, ServiceId

ANY_LOCATION = "-"


class Catalog:
    """Lookups raise NOT_FOUND with Google's wording; lists are in order of creation."""

    def __init__(self) -> None:
        self._services: dict[ServiceId, Service] = {}
        self._revisions: dict[RevisionId, Revision] = {}

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
        self._services[service.id] = service

    def put_revision(self, revision: Revision) -> None:
        self._revisions[revision.id] = revision

    def remove_service(self, service: ServiceId) -> None:
        """Forget a service and all its revisions."""
        self._services.pop(service)
        self._forget([key for key in self._revisions if key.service == service])

    def remove_revision(self, revision: RevisionId) -> None:
        self._forget([revision])

    def _forget(self, revisions: Iterable[RevisionId]) -> None:
        for revision in revisions:
            del self._revisions[revision]


def within(place: Place, asked: Place) -> bool:
    """Whether a place is the one asked for; the location `-` stands for all of a project's."""
    return place.project == asked.project and asked.location in (place.location, ANY_LOCATION)


def missing(kind: str, name: str, place: Place) -> ApiError:
    """NOT_FOUND with Google's wording."""
    return not_found(
        f"Resource '{name}' of kind '{kind}' in region '{place.location}' in project '{place.project}' does not exist."
    )
