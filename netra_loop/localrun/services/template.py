"""The revision template: checked, its enums named and its defaults filled in, so that equal ones compare equal."""

import re

from netra_loop.localrun.fields import Document, Fields

DEFAULT_TIMEOUT = 300.0
LONGEST_TIMEOUT = 3600.0
DEFAULT_PORT = 8080
LONGEST_NAME = 63
EXECUTION_ENVIRONMENTS = {
    0: "EXECUTION_ENVIRONMENT_UNSPECIFIED",
    1: "EXECUTION_ENVIRONMENT_GEN1",
    2: "EXECUTION_ENVIRONMENT_GEN2",
}
TEMPLATE_FIELDS = (
    "revision", "labels", "annotations", "scaling", "timeout", "serviceAccount", "containers", "executionEnvironment",
    "maxInstanceRequestConcurrency", "sessionAffinity", "healthCheckDisabled",
)  # fmt: skip
TEMPLATE_UNSUPPORTED = (
    "vpcAccess", "volumes", "encryptionKey", "serviceMesh", "encryptionKeyRevocationAction",
    "encryptionKeyShutdownDuration", "nodeSelector", "gpuZonalRedundancyDisabled",
)  # fmt: skip
CONTAINER_FIELDS = (
    "name", "image", "command", "args", "env", "resources", "ports", "startupProbe", "livenessProbe", "workingDir",
)  # fmt: skip
CONTAINER_UNSUPPORTED = ("sourceCode", "volumeMounts", "readinessProbe", "dependsOn", "baseImageUri", "buildInfo")
RESERVED = re.compile(r"PORT|K_.*")
PROBE_FIELDS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "failureThreshold", "httpGet", "tcpSocket")


def read_template(template: Fields) -> Document:
    """A revision template with every default in place; raises INVALID_ARGUMENT for what Cloud Run would refuse."""
    template.expect_only(TEMPLATE_FIELDS, TEMPLATE_UNSUPPORTED)
    container = _only_container(template)
    document: Document = {
        "labels": template.mapping("labels"),
        "annotations": template.mapping("annotations"),
        "scaling": _scaling(template.fields("scaling")),
        "timeout": _timeout(template),
        "serviceAccount": template.text("serviceAccount"),
        "containers": [container],
        "maxInstanceRequestConcurrency": template.number("maxInstanceRequestConcurrency", 0) or _concurrency(container),
        "sessionAffinity": template.flag("sessionAffinity"),
        "healthCheckDisabled": template.flag("healthCheckDisabled"),
    }
    environment = template.enum("executionEnvironment", EXECUTION_ENVIRONMENTS, EXECUTION_ENVIRONMENTS[0])
    if environment != EXECUTION_ENVIRONMENTS[0]:
        document["executionEnvironment"] = environment
    return document


def read_revision_name(template: Fields, service: str) -> str:
    """The revision name the client chose, empty when it leaves it to us."""
    name = template.text("revision")
    if name and not re.fullmatch(rf"{re.escape(service)}-([a-z0-9-]*[a-z0-9])", name):
        raise template.wrong("revision", f"'{name}' must be '{service}-' and lower case letters, digits or hyphens")
    if len(name) > LONGEST_NAME:
        raise template.wrong("revision", f"'{name}' is longer than {LONGEST_NAME} characters")
    return name


def _scaling(scaling: Fields) -> Document:
    scaling.expect_only(("minInstanceCount", "maxInstanceCount"))
    low, high = scaling.number("minInstanceCount", 0), scaling.number("maxInstanceCount", 0) or 100
    return {"minInstanceCount": low, "maxInstanceCount": high}


def _concurrency(container: Document) -> int:
    """How many requests an instance may have at once when nobody says: as Cloud Run decides, by its CPU."""
    return 80 if _cpus(container["resources"]["limits"]["cpu"]) >= 1 else 1


def _cpus(quantity: str) -> float:
    """A number of CPUs such as `1`, `0.5` or, in thousandths, `500m`."""
    return float(quantity.removesuffix("m")) / (1000 if quantity.endswith("m") else 1)


def _timeout(template: Fields) -> str:
    seconds = template.seconds("timeout", DEFAULT_TIMEOUT)
    if not 0 < seconds <= LONGEST_TIMEOUT:
        raise template.wrong("timeout", f"must be more than 0 and at most {LONGEST_TIMEOUT:.0f} seconds")
    return f"{seconds:g}s"


def _only_container(template: Fields) -> Document:
    containers = list(template.each("containers"))
    if len(containers) != 1:
        raise template.wrong("containers", "the embedded Cloud Run runs exactly one container in a revision")
    return _container(containers[0])


def _container(container: Fields) -> Document:
    container.expect_only(CONTAINER_FIELDS, CONTAINER_UNSUPPORTED)
    if not container.text("image"):
        raise container.wrong("image", "must name an image")
    port = _port(container)
    document: Document = {
        "name": container.text("name"),
        "image": container.text("image"),
        "command": _words(container, "command"),
        "args": _words(container, "args"),
        "env": read_environment(container, RESERVED),
        "resources": _resources(container),
        "ports": [port],
        "startupProbe": _startup_probe(container, port["containerPort"]),
    }
    if container.has("livenessProbe"):
        document["livenessProbe"] = _probe(container.fields("livenessProbe"), port["containerPort"])
    return document | read_working_folder(container)


def read_working_folder(container: Fields) -> Document:
    """The `workingDir` of a container, if it has one."""
    folder = container.text("workingDir")
    _refuse_nul(container, "workingDir", folder)
    return {"workingDir": folder} if folder else {}


def _words(container: Fields, key: str) -> list[str]:
    words = container.texts(key)
    _refuse_nul(container, key, *words)
    return words


def _refuse_nul(container: Fields, key: str, *words: str) -> None:
    """No process can be started with such a word."""
    if any("\0" in word for word in words):
        raise container.wrong(key, "must not hold a NUL character")


def _port(container: Fields) -> Document:
    ports = list(container.each("ports"))
    if len(ports) > 1:
        raise container.wrong("ports", "a container has at most one port")
    if not ports:
        return {"name": "http1", "containerPort": DEFAULT_PORT}
    ports[0].expect_only(("name", "containerPort"))
    number = ports[0].number("containerPort", DEFAULT_PORT)
    if not 0 < number < 65536:
        raise ports[0].wrong("containerPort", f"{number} is no port")
    name = ports[0].text("name") or "http1"
    if name != "http1":
        raise ports[0].wrong("name", f"'{name}' is not supported, only 'http1' is")
    return {"name": name, "containerPort": number}


def read_environment(container: Fields, reserved: re.Pattern[str]) -> list[Document]:
    """The variables of a container; raises INVALID_ARGUMENT for reserved names, such that the system sets itself."""
    variables = []
    for variable in container.each("env"):
        variable.expect_only(("name", "value"), unsupported=("valueSource",))
        if not re.fullmatch(r"[^=\0]+", variable.text("name")) or "\0" in variable.text("value"):
            raise variable.wrong("name", "must be a name without '='")
        variables.append({"name": variable.text("name"), "value": variable.text("value")})
    names = [variable["name"] for variable in variables]
    taken = sorted(name for name in names if reserved.fullmatch(name))
    if taken:
        listed = ", ".join(taken)
        raise container.wrong("env", f"the names {listed} are reserved, the system sets them itself")
    if len(set(names)) != len(names):
        raise container.wrong("env", "a name appears more than once")
    return variables


def _resources(container: Fields) -> Document:
    """Limits and when there is CPU: always, where resources are given that do not say `cpuIdle`, as in Google's API."""
    resources = container.fields("resources")
    resources.expect_only(("limits", "cpuIdle", "startupCpuBoost"))
    return {
        "limits": read_limits(resources),
        "cpuIdle": resources.flag("cpuIdle") if container.has("resources") else True,
        "startupCpuBoost": resources.flag("startupCpuBoost"),
    }


def read_limits(resources: Fields) -> dict[str, str]:
    """The limits of a container, by default half a gigabyte and one CPU."""
    limits = {"cpu": "1000m", "memory": "512Mi"} | resources.mapping("limits")
    if not re.fullmatch(r"\d+(\.\d+)?m?", limits["cpu"]):
        raise resources.wrong("limits", f"'{limits['cpu']}' is no number of CPUs such as '1', '0.5' or '500m'")
    return limits


def _startup_probe(container: Fields, port: int) -> Document:
    if container.has("startupProbe"):
        return _probe(container.fields("startupProbe"), port)
    slow_start = {"timeoutSeconds": 240, "periodSeconds": 240, "failureThreshold": 1}
    return _probe(Fields(slow_start, container.where("startupProbe")), port)


def _probe(probe: Fields, port: int) -> Document:
    probe.expect_only((*PROBE_FIELDS, "grpc"))
    if probe.has("grpc"):  # it may be empty, for the usual port
        raise probe.wrong("grpc", "the embedded Cloud Run does not support this field")
    document: Document = {
        "initialDelaySeconds": probe.number("initialDelaySeconds", 0),
        "timeoutSeconds": probe.number("timeoutSeconds", 0) or 1,
        "periodSeconds": probe.number("periodSeconds", 0) or 10,
        "failureThreshold": probe.number("failureThreshold", 0) or 3,
    }
    for key, value in document.items():
        if value < 0:
            raise probe.wrong(key, f"must not be negative, not {value}")
    if probe.has("httpGet"):
        document["httpGet"] = _http_get(probe.fields("httpGet"), port)
    else:
        document["tcpSocket"] = {"port": probe.fields("tcpSocket").number("port", 0) or port}
    return document


def _http_get(action: Fields, port: int) -> Document:
    action.expect_only(("path", "port", "httpHeaders"))
    headers = []
    for header in action.each("httpHeaders"):
        header.expect_only(("name", "value"))
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", header.text("name")):
            raise header.wrong("name", "is no header name")
        headers.append({"name": header.text("name"), "value": header.text("value")})
    path = action.text("path") or "/"
    if not re.fullmatch(r"/[!-~]*", path):
        raise action.wrong("path", f"{path!r} must begin with a slash and hold no spaces")
    return {"path": path, "port": action.number("port", 0) or port, "httpHeaders": headers}
