"""Log entries as Cloud Run writes them: a line of output, a request, a word from the platform."""

import re
import secrets
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from netra_loop.localrun import clock
from netra_loop.localrun.fields import DURATION, Document, parse_json
from netra_loop.localrun.model import RevisionId

SEVERITIES = {
    0: "DEFAULT", 100: "DEBUG", 200: "INFO", 300: "NOTICE", 400: "WARNING", 500: "ERROR", 600: "CRITICAL",
    700: "ALERT", 800: "EMERGENCY",
}  # fmt: skip
OTHER_SEVERITIES = {"WARN": "WARNING", "ERR": "ERROR", "FATAL": "CRITICAL", "TRACE": "DEBUG"}
REQUEST_TEXTS = {"requestMethod", "requestUrl", "userAgent", "remoteIp", "serverIp", "referer", "protocol"}
REQUEST_SIZES = {"requestSize", "responseSize", "cacheFillBytes"}
PREFIX = "logging.googleapis.com/"


class Origin(Protocol):
    """Whose entry it is: a revision's or a task's."""

    def entry(self, log: str, severity: str, **rest: Any) -> Document:
        """A LogEntry with everything in place but its payload; `log` is an id such as `run.googleapis.com/stdout`."""


@dataclass(frozen=True, slots=True)
class Source:
    """A revision and, when the entry comes from one, the instance."""

    revision: RevisionId
    instance: str = ""

    def entry(self, log: str, severity: str, **rest: Any) -> Document:
        resource = {"type": "cloud_run_revision", "labels": self._labels()}
        labels = {"instanceId": self.instance} if self.instance else {}
        return new_entry(self.revision.service.place.project, log, severity, resource, labels) | rest

    def _labels(self) -> dict[str, str]:
        service = self.revision.service
        return {
            "project_id": service.place.project,
            "location": service.place.location,
            "service_name": service.name,
            "revision_name": self.revision.name,
            "configuration_name": service.name,
        }


def new_entry(project: str, log: str, severity: str, resource: Document, labels: dict[str, str]) -> Document:
    """A LogEntry of this moment, without a payload."""
    moment = clock.now()
    return {
        "insertId": secrets.token_hex(10),
        "logName": f"projects/{project}/logs/{quote(log, safe='')}",
        "resource": resource,
        "timestamp": moment,
        "receiveTimestamp": moment,
        "severity": severity,
        "labels": labels,
    }


@dataclass(slots=True)
class Served:
    """One request to a service, as it is told in the request log; it is filled in while the request is served."""

    method: str
    url: str
    user_agent: str
    protocol: str
    trace: str
    span: str
    status: int = 0
    received: int = 0
    sent: int = 0
    seconds: float = 0.0
    remote: str = "127.0.0.1"


def system_entry(source: Origin, severity: str, text: str) -> Document:
    """What the platform itself has to say."""
    return source.entry("run.googleapis.com/varlog/system", severity, textPayload=text)


def request_entry(source: Source, served: Served) -> Document:
    """The entry of one request; its severity follows from its status."""
    severity = "ERROR" if served.status >= 500 else "WARNING" if served.status >= 400 else "INFO"
    return source.entry(
        "run.googleapis.com/requests",
        severity,
        trace=f"projects/{source.revision.service.place.project}/traces/{served.trace}",
        spanId=served.span,
        traceSampled=True,
        httpRequest={
            "requestMethod": served.method,
            "requestUrl": served.url,
            "requestSize": str(served.received),
            "status": served.status,
            "responseSize": str(served.sent),
            "userAgent": served.user_agent,
            "remoteIp": served.remote,
            "serverIp": "127.0.0.1",
            "latency": f"{served.seconds:.6f}s",
            "protocol": served.protocol,
        },
    )


def line_entry(source: Origin, stream: str, line: str) -> Document:
    """A line of stdout or stderr. A JSON object becomes a structured payload and its special fields are lifted out.

    Rules: cloud.google.com/logging/docs/structured-logging. When only `message` is left it becomes the text.
    """
    entry = source.entry(f"run.googleapis.com/{stream}", "DEFAULT")
    try:
        payload = parse_json(line) if line.startswith("{") else None
    except ValueError:
        payload = None
    if not isinstance(payload, dict):
        return entry | {"textPayload": line}
    lifted, rest = _lift(payload)
    lifted["labels"] = entry["labels"] | lifted.get("labels", {})
    if set(rest) == {"message"} and isinstance(rest["message"], str):
        return entry | lifted | {"textPayload": rest["message"]}
    return entry | lifted | {"jsonPayload": rest}


def severity_name(value: Any) -> str:
    """The severity a program means by a name or number of its own, DEFAULT when that is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return SEVERITIES.get(value, "DEFAULT")
    name = str(value).upper()
    return name if name in SEVERITIES.values() else OTHER_SEVERITIES.get(name, "DEFAULT")


def _lift(payload: Document) -> tuple[Document, Document]:
    """Split a structured line into fields of the entry and what stays payload; what cannot be lifted stays."""
    lifted: Document = {}
    rest = dict(payload)
    if "severity" in rest:
        lifted["severity"] = severity_name(rest.pop("severity"))
    for key in ("time", "timestamp"):
        if clock.is_timestamp(rest.get(key)):
            lifted["timestamp"] = rest.pop(key)
    if isinstance(rest.get("httpRequest"), dict):
        lifted["httpRequest"] = http_request(rest.pop("httpRequest"))
    for key in ("trace", "spanId", "insertId"):
        if isinstance(rest.get(PREFIX + key), str):
            lifted[key] = rest.pop(PREFIX + key)
    if isinstance(rest.get(PREFIX + "trace_sampled"), bool):
        lifted["traceSampled"] = rest.pop(PREFIX + "trace_sampled")
    if isinstance(rest.get(PREFIX + "labels"), dict):
        lifted["labels"] = {key: str(value) for key, value in rest.pop(PREFIX + "labels").items()}
    if isinstance(rest.get(PREFIX + "sourceLocation"), dict):
        lifted["sourceLocation"] = source_location(rest.pop(PREFIX + "sourceLocation"))
    if isinstance(rest.get(PREFIX + "operation"), dict):
        lifted["operation"] = _texts(rest.pop(PREFIX + "operation"), ("id", "producer"))
    return lifted, rest


def _texts(document: Document, keys: tuple[str, ...]) -> Document:
    return {key: str(document[key]) for key in keys if isinstance(document.get(key), str | int)}


def source_location(location: Document) -> Document:
    """What of a document a LogEntrySourceLocation can hold."""
    lifted = _texts(location, ("file", "function", "line"))
    if not re.fullmatch(r"\d{1,18}", lifted.get("line", "0")):
        del lifted["line"]
    return lifted


def http_request(request: Document) -> Document:
    """What of a document a google.logging.type.HttpRequest can hold."""
    lifted = _texts(request, tuple(REQUEST_TEXTS))
    for key in REQUEST_SIZES:
        if re.fullmatch(r"\d{1,18}", str(request.get(key))):
            lifted[key] = str(request[key])
    if re.fullmatch(r"\d{3}", str(request.get("status"))):
        lifted["status"] = int(request["status"])
    if DURATION.fullmatch(str(request.get("latency"))):
        lifted["latency"] = request["latency"]
    return lifted
