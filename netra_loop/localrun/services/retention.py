"""Which revisions of a service are too many."""

from collections.abc import Collection

from netra_loop.localrun.services.model import Revision, RevisionId, RevisionState, Service
from netra_loop.localrun.services.traffic import serving

MOST_REVISIONS = 1000  # Cloud Run keeps as many for a service, and deletes the oldest by itself


def surplus(service: Service, revisions: Collection[Revision], most: int) -> list[RevisionId]:
    """The oldest of the revisions above `most`; never one with traffic or a tag, a latest, or one that starts.

    `revisions` are in order of creation.
    """
    kept = serving(service) | {service.latest_created, service.latest_ready}
    idle = [item.id for item in revisions if item.id.name not in kept and item.state is not RevisionState.STARTING]
    return idle[: max(0, len(revisions) - most)]
