"""Services as the v1 API writes them, translated to the words of v2, which alone decide what is right."""

import json

from netra_loop.localrun.errors import invalid
from netra_loop.localrun.fields import Document, Fields

RUN = "run.googleapis.com/"
CLIENT, CLIENT_VERSION = f"{RUN}client-name", f"{RUN}client-version"
DESCRIPTION, LAUNCH_STAGE, INGRESS = f"{RUN}description", f"{RUN}launch-stage", f"{RUN}ingress"
INVOKER_DISABLED, AUDIENCES = f"{RUN}invoker-iam-disabled", f"{RUN}custom-audiences"
SERVICE_LEAST, SERVICE_MOST = f"{RUN}minScale", f"{RUN}maxScale"
LEAST, MOST = "autoscaling.knative.dev/minScale", "autoscaling.knative.dev/maxScale"
THROTTLING, BOOST = f"{RUN}cpu-throttling", f"{RUN}startup-cpu-boost"
GENERATION, AFFINITY = f"{RUN}execution-environment", f"{RUN}sessionAffinity"
LOCATION = "cloud.googleapis.com/location"
INGRESSES = {
    "all": "INGRESS_TRAFFIC_ALL",
    "internal": "INGRESS_TRAFFIC_INTERNAL_ONLY",
    "internal-and-cloud-load-balancing": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
}
OUTPUT = {
    "serving.knative.dev/creator", "serving.knative.dev/lastModifier", f"{RUN}operation-id", f"{RUN}urls",
    f"{RUN}ingress-status", LOCATION, f"{RUN}lastUpdatedTime",
}  # fmt: skip
OF_SERVICE = {
    CLIENT, CLIENT_VERSION, DESCRIPTION, LAUNCH_STAGE, INGRESS, INVOKER_DISABLED, AUDIENCES, SERVICE_LEAST,
    SERVICE_MOST,
}  # fmt: skip
OF_TEMPLATE = {LEAST, MOST, THROTTLING, BOOST, GENERATION, AFFINITY}
UNSUPPORTED = {
    f"{RUN}cloudsql-instances", f"{RUN}vpc-access-connector", f"{RUN}vpc-access-egress", f"{RUN}network-interfaces",
    f"{RUN}secrets", f"{RUN}encryption-key", f"{RUN}container-dependencies", f"{RUN}binary-authorization",
    f"{RUN}iap-enabled", f"{RUN}base-images",
}  # fmt: skip


def read_v1_service(body: Document) -> Document:
    """The v2 Service of a v1 Service: what annotations say becomes fields, what only the server writes is left out.

    Raises INVALID_ARGUMENT for what has no meaning here.
    """
    service = Fields(body)
    service.expect_only(("apiVersion", "kind", "metadata", "spec", "status"))
    _expect_kind(service)
    metadata, spec = service.fields("metadata"), service.fields("spec")
    spec.expect_only(("template", "traffic"))
    annotations = _annotations(metadata)
    document: Document = {
        "labels": _without(metadata.mapping("labels"), OUTPUT),
        "annotations": _without(annotations, OUTPUT | OF_SERVICE),
        "client": annotations.get(CLIENT, ""),
        "clientVersion": annotations.get(CLIENT_VERSION, ""),
        "description": annotations.get(DESCRIPTION, ""),
        "invokerIamDisabled": _flag(annotations, INVOKER_DISABLED),
        "customAudiences": _texts(annotations, AUDIENCES),
        "template": _template(spec.fields("template")),
        "traffic": [_target(target) for target in spec.each("traffic")],
    }
    if LAUNCH_STAGE in annotations:
        document["launchStage"] = annotations[LAUNCH_STAGE]
    if INGRESS in annotations:
        document["ingress"] = INGRESSES.get(annotations[INGRESS], annotations[INGRESS])
    scaling = _scaling(annotations, SERVICE_LEAST, SERVICE_MOST)
    return document | ({"scaling": scaling} if scaling else {})


def read_v1_name(body: Document) -> str:
    """The name of the service that a document is about."""
    return Fields(body).fields("metadata").text("name")


def _expect_kind(service: Fields) -> None:
    if (service.text("apiVersion"), service.text("kind")) != ("serving.knative.dev/v1", "Service"):
        raise invalid("kind: must be 'Service' of apiVersion 'serving.knative.dev/v1'")


def _template(template: Fields) -> Document:
    template.expect_only(("metadata", "spec"))
    metadata, spec = template.fields("metadata"), template.fields("spec")
    spec.expect_only(
        ("containerConcurrency", "timeoutSeconds", "serviceAccountName", "containers", "enableServiceLinks"),
        unsupported=("volumes", "nodeSelector", "runtimeClassName", "imagePullSecrets"),
    )
    annotations = _annotations(metadata)
    document: Document = {
        "revision": metadata.text("name"),
        "labels": _without(metadata.mapping("labels"), OUTPUT),
        "annotations": _without(annotations, OUTPUT | OF_TEMPLATE),
        "scaling": _scaling(annotations, LEAST, MOST),
        "sessionAffinity": _flag(annotations, AFFINITY),
        "serviceAccount": spec.text("serviceAccountName"),
        "maxInstanceRequestConcurrency": spec.number("containerConcurrency", 0),
        "containers": [_container(container, annotations) for container in spec.each("containers")],
    }
    if spec.has("timeoutSeconds"):
        document["timeout"] = f"{spec.number('timeoutSeconds', 0)}s"
    if GENERATION in annotations:
        document["executionEnvironment"] = f"EXECUTION_ENVIRONMENT_{annotations[GENERATION].upper()}"
    return document


def _container(container: Fields, annotations: dict[str, str]) -> Document:
    """A container has the same fields in both, but for its CPU, the protocol of ports and what secrets are called."""
    declared = container.fields("resources")
    declared.expect_only(("limits", "requests"))  # a request is no more than a hint
    resources: Document = {
        "limits": declared.mapping("limits"),
        "cpuIdle": annotations.get(THROTTLING, "true").lower() != "false",
        "startupCpuBoost": _flag(annotations, BOOST),
    }
    env = [
        {"valueSource" if key == "valueFrom" else key: value for key, value in variable.document.items()}
        for variable in container.each("env")
    ]
    ports = [_port(port) for port in container.each("ports")]
    return container.document | {"resources": resources, "env": env, "ports": ports}


def _port(port: Fields) -> Document:
    """A port without its `protocol`, which is always TCP."""
    if port.has("protocol") and port.text("protocol") != "TCP":
        raise port.wrong("protocol", f"'{port.text('protocol')}' is not supported, only 'TCP' is")
    return {key: value for key, value in port.document.items() if key != "protocol"}


def _target(target: Fields) -> Document:
    target.expect_only(("revisionName", "configurationName", "latestRevision", "percent", "tag", "url"))
    revision = target.text("revisionName")
    kind = "REVISION" if revision else "LATEST"
    if target.flag("latestRevision") == bool(revision):
        raise target.wrong("revisionName", "exactly one of revisionName and latestRevision must be given")
    return {
        "type": f"TRAFFIC_TARGET_ALLOCATION_TYPE_{kind}",
        "revision": revision,
        "percent": target.number("percent", 0),
        "tag": target.text("tag"),
    }


def _annotations(metadata: Fields) -> dict[str, str]:
    annotations = metadata.mapping("annotations")
    for key in sorted(UNSUPPORTED & annotations.keys()):
        raise metadata.fields("annotations").wrong(key, "the embedded Cloud Run does not support this")
    return annotations


def _scaling(annotations: dict[str, str], least: str, most: str) -> Document:
    keys = (("minInstanceCount", least), ("maxInstanceCount", most))
    return {name: annotations[key] for name, key in keys if key in annotations}


def _flag(annotations: dict[str, str], key: str) -> bool:
    return annotations.get(key, "").lower() == "true"


def _texts(annotations: dict[str, str], key: str) -> object:
    """What an annotation says as a JSON list."""
    try:
        return json.loads(annotations.get(key) or "[]")
    except ValueError:
        raise invalid(f"metadata.annotations.{key}: must be a JSON list of strings") from None


def _without(values: dict[str, str], keys: set[str]) -> dict[str, str]:
    return {key: value for key, value in values.items() if key not in keys}
