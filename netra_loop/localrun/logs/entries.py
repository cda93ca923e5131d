"""Log entries as Cloud Run writes them: a line of output, a request, a word from the platform."""

import secrets
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from netra_loop.localrun import clock
from netra_loop.localrun.fields import Document, parse_json
from netra_loop.localrun.logs.lifting import lift
from netra_loop.localrun.services.model import RevisionId


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
    instance: str = ""
    note: str = ""


def system_entry(source: Origin, severity: str, text: str) -> Document:
    """What the platform itself has to say."""
    return source.entry("run.googleapis.com/varlog/system", severity, textPayload=text)


def request_entry(source: Source, served: Served) -> Document:
    """The entry of one request; its severity follows from its status, its text is what the platform notes on it."""
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
        **({"textPayload": served.note} if served.note else {}),
    )


def line_entry(source: Origin, stream: str, line: str) -> Document:
    """A line of stdout or stderr. A JSON object becomes a structured payload and its special fields are lifted out.

    Rules: cloud.google.com/logging/docs/structured-logging. When only `message` is left it becomes the text.
    """
    entry = source.entry(f"run.googleapis.com/{stream}", "DEFAULT")
    try:
        payload = parse_json(line) if line.lstrip().startswith("{") else None
    except ValueError:
        payload = None
    if not isinstance(payload, dict):
        return entry | {"textPayload": line}
    lifted, rest = lift(payload)
    lifted["labels"] = entry["labels"] | lifted.get("labels", {})
    if set(rest) == {"message"} and isinstance(rest["message"], str):
        return entry | lifted | {"textPayload": rest["message"]}
    return entry | lifted | {"jsonPayload": rest}
