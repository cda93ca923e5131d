"""Services and revisions as the JSON documents of Admin API v2."""

from collections.abc import Callable

from netra_loop.localrun.fields import Document
from netra_loop.localrun.services.model import (
    Failure,
    Reason,
    Revision,
    RevisionState,
    Route,
    Service,
    ServiceId,
    Target,
)

TagUrl = Callable[[ServiceId, str], str]

CREATOR = "local@localhost"


def writable(service: Service) -> Document:
    """The fields of a service that a client decides, as it would send them."""
    return service.settings | {
        "template": service.template,
        "traffic": [target_document(target) for target in service.traffic],
    }


def service_document(service: Service, latest: Revision | None, url: TagUrl) -> Document:
    """The v2 Service. `latest` is its latest created revision, `url` knows the address of each tag (empty: base)."""
    state, failure = service_state(service, latest)
    base = url(service.id, "")
    document = writable(service) | {
        "name": service.id.path,
        "uid": service.uid,
        "generation": str(service.generation),
        "createTime": service.created,
        "updateTime": service.updated,
        "creator": CREATOR,
        "lastModifier": CREATOR,
        "trafficStatuses": traffic_statuses(service, url),
        "observedGeneration": str(service.observed),
        "terminalCondition": _condition("Ready", state, service.updated, failure),
        "conditions": [
            _condition(kind, half, service.updated, problem)
            for kind, half, problem in service_conditions(service, latest)
        ],
        "latestCreatedRevision": f"{service.id.path}/revisions/{service.latest_created}",
        "uri": base,
        "urls": [base],
        "reconciling": state is RevisionState.STARTING,
        "etag": service.etag,
    }
    if service.latest_ready:
        document["latestReadyRevision"] = f"{service.id.path}/revisions/{service.latest_ready}"
    return document


def traffic_statuses(service: Service, url: TagUrl) -> list[Document]:
    """The traffic in effect, each tag with its address."""
    return [_status(route, service.id, url) for route in service.routes]


def service_state(service: Service, latest: Revision | None) -> tuple[RevisionState, Failure | None]:
    """A service is ready when its latest revision is and the traffic that was asked for is in effect."""
    if service.observed < service.generation or (latest and latest.state is RevisionState.STARTING):
        return RevisionState.STARTING, None
    failure = service.problem or (latest.failure if latest else None)
    return (RevisionState.FAILED if failure else RevisionState.READY), failure


def service_conditions(service: Service, latest: Revision | None) -> list[tuple[str, RevisionState, Failure | None]]:
    """The two halves of readiness; when the latest revision fails, the routes stay as they were and are fine."""
    configuration, failure = (latest.state, latest.failure) if latest else (RevisionState.READY, None)
    problem = None if service.problem == failure else service.problem
    routes = RevisionState.STARTING if service.observed < service.generation else RevisionState.READY
    return [
        ("RoutesReady", RevisionState.FAILED if problem else routes, problem),
        ("ConfigurationsReady", configuration, failure),
    ]


def revision_document(revision: Revision, log_uri: str) -> Document:
    """The v2 Revision: its template with the image pinned by digest, its conditions, and where its logs are."""
    template = dict(revision.template)
    del template["healthCheckDisabled"]  # a field of the template only
    container = template.pop("containers")[0] | {"image": revision.image}
    return template | {
        "name": revision.id.path,
        "uid": revision.uid,
        "generation": "1",
        "observedGeneration": "1",
        "createTime": revision.created,
        "updateTime": revision.settled,
        "creator": CREATOR,
        "launchStage": "GA",
        "service": revision.id.service.name,
        "containers": [container],
        "conditions": [
            _condition(kind, state, revision.settled, failure) for kind, state, failure in revision_states(revision)
        ],
        "reconciling": revision.state is RevisionState.STARTING,
        "logUri": log_uri,
        "etag": f'"{revision.uid[:8]}-{revision.state.name.lower()}"',
    }


def revision_states(revision: Revision) -> list[tuple[str, RevisionState, Failure | None]]:
    """The conditions of a revision, each with its state."""
    image_found = revision.failure is None or revision.failure.reason is not Reason.CONTAINER_MISSING
    kinds = ["Ready", "ContainerHealthy"] if image_found else ["Ready", "ContainerReady"]
    done = ["ContainerReady", "ResourcesAvailable"] if image_found else ["ResourcesAvailable"]
    failed_or_not = [(kind, revision.state, revision.failure) for kind in kinds]
    return failed_or_not + [(kind, RevisionState.READY, None) for kind in done]


def _condition(kind: str, state: RevisionState, moment: str, failure: Failure | None) -> Document:
    condition: Document = {"type": kind, "state": state.value, "lastTransitionTime": moment}
    if failure and state is RevisionState.FAILED:
        field, reason = failure.reason.value
        condition |= {"message": failure.message, "severity": "ERROR", field: reason}
    return condition


def target_document(target: Target) -> Document:
    """One line of traffic as a client asks for it."""
    document: Document = {"type": target.allocation.value, "percent": target.percent}
    if target.revision:
        document["revision"] = target.revision
    if target.tag:
        document["tag"] = target.tag
    return document


def _status(route: Route, service: ServiceId, url: TagUrl) -> Document:
    status = target_document(route.target) | {"revision": route.revision}
    if route.target.tag:
        status["uri"] = url(service, route.target.tag)
    return status
