"""What a client asks for and what changes by it: pure functions from a request and what exists to what shall exist."""

import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from netra_loop.localrun import clock
from netra_loop.localrun.errors import aborted, already_exists, invalid
from netra_loop.localrun.fields import Document, Fields
from netra_loop.localrun.services.model import Revision, RevisionId, RevisionState, Service, ServiceId, Target
from netra_loop.localrun.services.template import read_revision_name, read_template
from netra_loop.localrun.services.traffic import read_targets, require_known

SERVICE_NAME = re.compile(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?")
SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
INGRESS = {
    0: "INGRESS_TRAFFIC_UNSPECIFIED",
    1: "INGRESS_TRAFFIC_ALL",
    2: "INGRESS_TRAFFIC_INTERNAL_ONLY",
    3: "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
    4: "INGRESS_TRAFFIC_NONE",
}
LAUNCH_STAGES = {
    0: "LAUNCH_STAGE_UNSPECIFIED", 1: "EARLY_ACCESS", 2: "ALPHA", 3: "BETA", 4: "GA", 5: "DEPRECATED",
    6: "UNIMPLEMENTED", 7: "PRELAUNCH",
}  # fmt: skip
WRITABLE_FIELDS = (
    "description", "labels", "annotations", "client", "clientVersion", "ingress", "launchStage", "template", "traffic",
    "scaling", "invokerIamDisabled", "customAudiences",
)  # fmt: skip
UNSUPPORTED_FIELDS = (
    "binaryAuthorization", "defaultUriDisabled", "iapEnabled", "multiRegionSettings", "buildConfig",
    "threatDetectionEnabled",
)  # fmt: skip
OUTPUT_FIELDS = (
    "name", "uid", "generation", "createTime", "updateTime", "deleteTime", "expireTime", "creator", "lastModifier",
    "urls", "observedGeneration", "terminalCondition", "conditions", "latestReadyRevision", "latestCreatedRevision",
    "trafficStatuses", "uri", "satisfiesPzs", "reconciling", "etag",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Declaration:
    """A request body, read: everything a client decides about a service. `revision` is the name it chose, or empty."""

    settings: Document
    template: Document
    revision: str
    traffic: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """The service as it shall be, and the revision that comes into being with it, if one does."""

    service: Service
    revision: Revision | None


class Named(Protocol):
    @property
    def name(self) -> str: ...


class Versioned(Protocol):
    """A resource with an etag that changes when it does."""

    @property
    def id(self) -> Named: ...

    @property
    def etag(self) -> str: ...


def require_service_name(name: str) -> None:
    if not SERVICE_NAME.fullmatch(name):
        raise invalid(
            f"service_id: '{name}' must begin with a letter, hold only lower case letters, digits and hyphens, "
            "not end with a hyphen, and be shorter than 50 characters."
        )


def read_declaration(body: Document, name: str) -> Declaration:
    """Read a v2 Service document; fields that only the server writes are ignored, as Google does."""
    service = Fields(body)
    service.expect_only((*WRITABLE_FIELDS, *OUTPUT_FIELDS), UNSUPPORTED_FIELDS)
    template = service.fields("template")
    return Declaration(
        settings=_settings(service),
        template=read_template(template),
        revision=read_revision_name(template, name),
        traffic=read_targets(service, name),
    )


def _settings(service: Fields) -> Document:
    settings: Document = {
        "labels": service.mapping("labels"),
        "annotations": service.mapping("annotations"),
        "ingress": service.enum("ingress", INGRESS, INGRESS[1]),
        "launchStage": service.enum("launchStage", LAUNCH_STAGES, LAUNCH_STAGES[4]),
        "invokerIamDisabled": service.flag("invokerIamDisabled"),
        "customAudiences": service.texts("customAudiences"),
    }
    for key in ("description", "client", "clientVersion"):
        settings[key] = service.text(key)
    if service.has("scaling"):
        settings["scaling"] = _scaling(service.fields("scaling"))
    return settings


def _scaling(scaling: Fields) -> Document:
    scaling.expect_only(("minInstanceCount", "maxInstanceCount", "scalingMode"), unsupported=("manualInstanceCount",))
    return {
        "minInstanceCount": scaling.number("minInstanceCount", 0),
        "maxInstanceCount": scaling.number("maxInstanceCount", 0),
        "scalingMode": scaling.enum("scalingMode", {0: "SCALING_MODE_UNSPECIFIED", 1: "AUTOMATIC"}, "AUTOMATIC"),
    }


def declare(
    previous: Service | None, wanted: Declaration, service: ServiceId, existing: Mapping[str, Revision], pinned: str
) -> Change:
    """Apply a declaration. `existing` are the service's revisions by name, `pinned` its image by digest.

    A revision is immutable: the same name with the same template is the same revision, with another template it is
    refused (ALREADY_EXISTS). Without a name an unchanged template makes no new revision.
    """
    generation = previous.generation + 1 if previous else 1
    name = wanted.revision or _unchanged(previous, wanted, existing) or _new_name(service.name, generation, existing)
    if name in existing and existing[name].template != wanted.template:
        raise already_exists(f"Revision named '{name}' with different configuration already exists.")
    require_known(wanted.traffic, {*existing, name})
    revision = None if name in existing else _revision(RevisionId(service, name), generation, wanted.template, pinned)
    moment = clock.now()
    base = previous or Service(
        service, str(uuid.uuid4()), generation, {}, {}, (), created=moment, updated=moment, latest_created=name
    )
    ready = name in existing and existing[name].state is RevisionState.READY
    changed = replace(
        base,
        generation=generation,
        settings=wanted.settings,
        template=wanted.template | ({"revision": wanted.revision} if wanted.revision else {}),
        traffic=wanted.traffic,
        updated=moment,
        latest_created=name,
        latest_ready=name if ready else base.latest_ready,
        problem=None,
    )
    return Change(changed, revision)


def _unchanged(previous: Service | None, wanted: Declaration, existing: Mapping[str, Revision]) -> str:
    latest = existing.get(previous.latest_created) if previous else None
    return latest.id.name if latest and latest.template == wanted.template else ""


def _new_name(service: str, generation: int, existing: Mapping[str, Revision]) -> str:
    while True:
        suffix = "".join(secrets.choice(SUFFIX_LETTERS) for _ in range(3))
        name = f"{service}-{generation:05d}-{suffix}"
        if name not in existing:
            return name


def _revision(identity: RevisionId, generation: int, template: Document, pinned: str) -> Revision:
    moment = clock.now()
    image = pinned or template["containers"][0]["image"]
    return Revision(identity, str(uuid.uuid4()), template, image, moment, moment, generation=generation)


def require_etag(resource: Versioned, etag: str) -> None:
    """Refuse (ABORTED) a write that was prepared on an older state of a service, job or execution."""
    if etag and etag != resource.etag:
        raise aborted(
            f"Conflict for resource '{resource.id.name}': version '{etag}' was specified "
            f"but current version is '{resource.etag}'."
        )


def merge(current: Document, patch: Document, mask: str) -> Document:
    """The current document with the comma-separated fields of an update mask taken from the patch.

    A masked field that the patch leaves out is cleared. Segments may be written in snake or camel case.
    """
    if not mask or mask == "*":
        return patch
    merged = current
    for path in mask.split(","):
        parts = [_camel(part) for part in path.strip().split(".")]
        if parts[0] in OUTPUT_FIELDS:
            continue
        if parts[0] not in WRITABLE_FIELDS:
            raise invalid(f"update_mask: '{path}' is not a field of a service that can be written")
        merged = _merge_path(merged, patch, parts)
    return merged


def _merge_path(current: Document, patch: Document, parts: list[str]) -> Document:
    head, *rest = parts
    if rest:
        below = _merge_path(Fields(current).fields(head).document, Fields(patch).fields(head).document, rest)
        return current | {head: below}
    kept = {key: value for key, value in current.items() if key != head}
    return kept | ({head: patch[head]} if patch.get(head) is not None else {})


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)
