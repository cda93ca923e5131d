"""Services, their revisions, configurations and routes as the JSON documents of the v1 API, which gcloud reads."""

import json
import uuid

from netra_loop.localrun.api.knative_read import (
    AFFINITY,
    AUDIENCES,
    BOOST,
    CLIENT,
    CLIENT_VERSION,
    DESCRIPTION,
    GENERATION,
    INGRESS,
    INGRESSES,
    INVOKER_DISABLED,
    LAUNCH_STAGE,
    LEAST,
    LOCATION,
    MOST,
    RUN,
    SERVICE_LEAST,
    SERVICE_MOST,
    THROTTLING,
)  # fmt: skip
from netra_loop.localrun.api.v1 import owner, resource
from netra_loop.localrun.control.render import CREATOR, TagUrl, revision_states, service_conditions, service_state
from netra_loop.localrun.fields import Document, Fields
from netra_loop.localrun.services.model import (
    Allocation,
    Failure,
    Place,
    Revision,
    RevisionState,
    Route,
    Service,
    Target,
)
from netra_loop.localrun.services.traffic import serving

API = "serving.knative.dev/v1"
PREFIX = "serving.knative.dev/"
CONFIGURATION, ROUTE = "Configuration", "Route"
STATUSES = {RevisionState.READY: "True", RevisionState.FAILED: "False", RevisionState.STARTING: "Unknown"}


def v1_service(service: Service, latest: Revision | None, url: TagUrl, operation: str = "") -> Document:
    """The v1 Service; `operation` is the id of the operation that a change has begun, by which gcloud waits for it."""
    return resource(
        API,
        "Service",
        _service_metadata(service, url, operation),
        {"template": _template(service.template), "traffic": [_target(target) for target in service.traffic]},
        _service_status(service, latest, url)
        | {"url": url(service.id, ""), "address": {"url": url(service.id, "")}, "traffic": _statuses(service, url)},
    )


def v1_configuration(service: Service, latest: Revision | None, url: TagUrl) -> Document:
    """The half of a service that makes revisions."""
    status = _service_status(service, latest, url)
    status["conditions"] = [_of_kind(status, "ConfigurationsReady") | {"type": "Ready"}]
    spec = {"template": _template(service.template)}
    return resource(API, CONFIGURATION, _half_metadata(service, CONFIGURATION, url), spec, status)


def v1_route(service: Service, latest: Revision | None, url: TagUrl) -> Document:
    """The half of a service that gives traffic to revisions."""
    status: Document = {
        "observedGeneration": service.observed,
        "conditions": [_of_kind(_service_status(service, latest, url), "RoutesReady") | {"type": "Ready"}],
        "url": url(service.id, ""),
        "address": {"url": url(service.id, "")},
        "traffic": _statuses(service, url),
    }
    spec = {"traffic": [_target(target) for target in service.traffic]}
    return resource(API, ROUTE, _half_metadata(service, ROUTE, url), spec, status)


def v1_revision(revision: Revision, service: Service, log_uri: str) -> Document:
    """The v1 Revision of a service."""
    template = revision.template
    metadata = _metadata(revision.id.name, service.id.place, revision.uid, revision.created) | {
        "generation": 1,
        "resourceVersion": f"{revision.uid[:8]}-{revision.state.name.lower()}",
        "annotations": _template_annotations(template) | {f"{PREFIX}creator": CREATOR},
        "labels": template["labels"]
        | {
            f"{PREFIX}configuration": service.id.name,
            f"{PREFIX}configurationGeneration": str(revision.generation),
            f"{PREFIX}service": service.id.name,
            f"{PREFIX}serviceUid": service.uid,
            LOCATION: service.id.place.location,
        },
        "ownerReferences": [owner(API, CONFIGURATION, service.id.name, _half_uid(service, CONFIGURATION))],
    }
    active = RevisionState.READY if revision.id.name in serving(service) else RevisionState.FAILED
    conditions = [
        *(_condition(kind, state, revision.settled, failure) for kind, state, failure in revision_states(revision)),
        _condition("Active", active, revision.settled, None),
    ]
    status = {
        "observedGeneration": 1,
        "conditions": conditions,
        "imageDigest": revision.image,
        "logUrl": log_uri,
    }
    return resource(API, "Revision", metadata, _template_spec(template), status)


def _metadata(name: str, place: Place, uid: str, created: str) -> Document:
    return {"name": name, "namespace": place.project, "uid": uid, "creationTimestamp": created}


def _service_metadata(service: Service, url: TagUrl, operation: str) -> Document:
    settings = service.settings
    scaling = settings.get("scaling", {})
    ingress = {v2: v1 for v1, v2 in INGRESSES.items()}.get(settings["ingress"], "all")
    annotations = {
        CLIENT: settings["client"],
        CLIENT_VERSION: settings["clientVersion"],
        DESCRIPTION: settings["description"],
        LAUNCH_STAGE: "" if settings["launchStage"] == "GA" else settings["launchStage"],
        INVOKER_DISABLED: "true" if settings["invokerIamDisabled"] else "",
        AUDIENCES: json.dumps(settings["customAudiences"]) if settings["customAudiences"] else "",
        SERVICE_LEAST: _number(scaling.get("minInstanceCount")),
        SERVICE_MOST: _number(scaling.get("maxInstanceCount")),
        INGRESS: ingress,
        f"{RUN}ingress-status": ingress,
        f"{RUN}operation-id": operation,
        f"{RUN}urls": json.dumps([url(service.id, "")]),
        f"{PREFIX}creator": CREATOR,
        f"{PREFIX}lastModifier": CREATOR,
    }
    return _metadata(service.id.name, service.id.place, service.uid, service.created) | {
        "generation": service.generation,
        "resourceVersion": service.etag.strip('"'),
        "labels": settings["labels"] | {LOCATION: service.id.place.location},
        "annotations": settings["annotations"] | _known(annotations),
    }


def _half_metadata(service: Service, kind: str, url: TagUrl) -> Document:
    """The metadata of a configuration or a route, which the service owns."""
    metadata = _service_metadata(service, url, "")
    return metadata | {
        "uid": _half_uid(service, kind),
        "labels": metadata["labels"] | {f"{PREFIX}service": service.id.name},
        "ownerReferences": [owner(API, "Service", service.id.name, service.uid)],
    }


def _half_uid(service: Service, kind: str) -> str:
    return str(uuid.uuid5(uuid.UUID(service.uid), kind))


def _service_status(service: Service, latest: Revision | None, url: TagUrl) -> Document:
    state, failure = service_state(service, latest)
    halves = service_conditions(service, latest)
    status: Document = {
        "observedGeneration": service.observed,
        "conditions": [
            _condition("Ready", state, service.updated, failure),
            *(_condition(kind, half, service.updated, problem) for kind, half, problem in halves),
        ],
        "latestCreatedRevisionName": service.latest_created,
        "latestReadyRevisionName": service.latest_ready,
    }
    return _known(status)


def _of_kind(status: Document, kind: str) -> Document:
    found: Document = next(condition for condition in status["conditions"] if condition["type"] == kind)
    return found


def _template(template: Document) -> Document:
    metadata = {
        "name": template.get("revision", ""),
        "labels": template["labels"],
        "annotations": _template_annotations(template),
    }
    return {"metadata": _known(metadata), "spec": _template_spec(template)}


def _template_annotations(template: Document) -> dict[str, str]:
    scaling, resources = template["scaling"], template["containers"][0]["resources"]
    annotations = {
        LEAST: _number(scaling["minInstanceCount"]),
        MOST: _number(scaling["maxInstanceCount"]),
        THROTTLING: "" if resources["cpuIdle"] else "false",
        BOOST: "true" if resources["startupCpuBoost"] else "",
        AFFINITY: "true" if template["sessionAffinity"] else "",
        GENERATION: template.get("executionEnvironment", "").rpartition("_")[2].lower(),
    }
    own: dict[str, str] = template["annotations"] | _known(annotations)
    return own


def _template_spec(template: Document) -> Document:
    container = _known(template["containers"][0])
    container["resources"] = {"limits": container["resources"]["limits"]}
    spec = {
        "containerConcurrency": template["maxInstanceRequestConcurrency"],
        "timeoutSeconds": round(Fields(template).seconds("timeout", 0)),
        "serviceAccountName": template["serviceAccount"],
        "containers": [container],
    }
    return _known(spec)


def _target(target: Target) -> Document:
    named = {"revisionName": target.revision} if target.revision else {"latestRevision": True}
    return _known({**named, "percent": target.percent, "tag": target.tag})


def _statuses(service: Service, url: TagUrl) -> list[Document]:
    return [_status(route, service, url) for route in service.routes]


def _status(route: Route, service: Service, url: TagUrl) -> Document:
    latest = route.target.allocation is Allocation.LATEST
    tag = route.target.tag
    return _target(route.target) | _known(
        {"revisionName": route.revision, "latestRevision": latest, "url": url(service.id, tag) if tag else ""}
    )


def _condition(kind: str, state: RevisionState, moment: str, failure: Failure | None) -> Document:
    condition: Document = {"type": kind, "status": STATUSES[state], "lastTransitionTime": moment}
    if failure and state is RevisionState.FAILED:
        reason = "".join(word.capitalize() for word in failure.reason.name.split("_"))
        condition |= {"message": failure.message, "reason": reason}
    return condition


def _number(value: int | None) -> str:
    """A count as an annotation says it, empty for none."""
    return str(value) if value else ""


def _known(document: Document) -> Document:
    """A document without the values that are empty."""
    return {key: value for key, value in document.items() if value not in ("", 0, False, [], {})}
