"""What a structured line of output says of its own entry: the special fields that are lifted out of the payload."""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from netra_loop.localrun import clock
from netra_loop.localrun.fields import DURATION, Document

SEVERITIES = {
    0: "DEFAULT", 100: "DEBUG", 200: "INFO", 300: "NOTICE", 400: "WARNING", 500: "ERROR", 600: "CRITICAL",
    700: "ALERT", 800: "EMERGENCY",
}  # fmt: skip
# Names of other libraries, as Google's logging agent reads them (fluent-plugin-google-cloud); FATAL is critical there.
OTHER_SEVERITIES = {
    "WARN": "WARNING", "ERR": "ERROR", "SEVERE": "ERROR", "FATAL": "CRITICAL", "CRIT": "CRITICAL",
    "EMERG": "EMERGENCY", "TRACE": "DEBUG", "TRACE_INT": "DEBUG", "CONFIG": "DEBUG", "FINE": "DEBUG",
    "FINER": "DEBUG", "FINEST": "DEBUG", "D": "DEBUG", "I": "INFO", "N": "NOTICE", "W": "WARNING", "E": "ERROR",
    "C": "CRITICAL", "F": "CRITICAL", "A": "ALERT",
}  # fmt: skip
REQUEST_TEXTS = ("requestMethod", "requestUrl", "userAgent", "remoteIp", "serverIp", "referer", "protocol")
REQUEST_SIZES = ("requestSize", "responseSize", "cacheFillBytes")
REQUEST_FLAGS = ("cacheLookup", "cacheHit", "cacheValidatedWithOriginServer")
PREFIX = "logging.googleapis.com/"

Reader = Callable[[Any], Any]


def lift(payload: Document) -> tuple[Document, Document]:
    """Split a structured line into fields of the entry and what stays payload; what cannot be lifted stays.

    Rules: cloud.google.com/logging/docs/structured-logging.
    """
    lifted: Document = {}
    rest = dict(payload)
    if (moment := _moment(rest.get("timestampSeconds"), rest.get("timestampNanos", 0))) is not None:
        lifted["timestamp"] = moment
        del rest["timestampSeconds"]
        rest.pop("timestampNanos", None)
    for key, (name, read) in SPECIAL.items():
        value = read(rest[key]) if key in rest else None
        if value is not None:
            lifted[name] = value
            del rest[key]
    return lifted, rest


def severity_name(value: Any) -> str:
    """The severity a program means by a name or number of its own, DEFAULT when that is none."""
    name = str(value).upper().strip()
    if re.fullmatch(r"[0-9]{1,9}", name):
        return SEVERITIES[min(int(name) // 100 * 100, 800)]
    return name if name in SEVERITIES.values() else OTHER_SEVERITIES.get(name, "DEFAULT")


def source_location(location: Document) -> Document:
    """What of a document a LogEntrySourceLocation can hold."""
    lifted = _texts(location, ("file", "function", "line"))
    if not re.fullmatch(r"[0-9]{1,18}", lifted.get("line", "0")):
        del lifted["line"]
    return lifted


def operation(document: Document) -> Document:
    """What of a document a LogEntryOperation can hold."""
    return _texts(document, ("id", "producer")) | _flags(document, ("first", "last"))


def http_request(request: Document) -> Document:
    """What of a document a google.logging.type.HttpRequest can hold."""
    lifted = _texts(request, REQUEST_TEXTS) | _flags(request, REQUEST_FLAGS)
    for key in REQUEST_SIZES:
        if re.fullmatch(r"[0-9]{1,18}", str(request.get(key))):
            lifted[key] = str(request[key])
    if re.fullmatch(r"[0-9]{3}", str(request.get("status"))):
        lifted["status"] = int(request["status"])
    if DURATION.fullmatch(str(request.get("latency"))):
        lifted["latency"] = request["latency"]
    return lifted


def _texts(document: Document, keys: Iterable[str]) -> Document:
    return {key: str(document[key]) for key in keys if isinstance(document.get(key), str | int)}


def _flags(document: Document, keys: Iterable[str]) -> Document:
    return {key: document[key] for key in keys if isinstance(document.get(key), bool)}


def _moment(seconds: Any, nanos: Any) -> str | None:
    """A time from its parts, which programs also write as texts; None when they are no such parts."""
    if not all(re.fullmatch(r"[0-9]{1,12}", str(part)) for part in (seconds, nanos)):
        return None
    try:
        return clock.from_seconds(int(seconds), int(nanos))
    except ValueError:
        return None


def _time(value: Any) -> str | None:
    """A time as RFC 3339 or as an object of seconds and nanos."""
    if isinstance(value, dict):
        return _moment(value.get("seconds"), value.get("nanos", 0))
    try:
        return clock.in_utc(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _labels(labels: Document) -> dict[str, str]:
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in labels.items()}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _object(read: Callable[[Document], Document]) -> Reader:
    return lambda value: read(value) if isinstance(value, dict) else None


SPECIAL: dict[str, tuple[str, Reader]] = {
    "severity": ("severity", severity_name),
    "time": ("timestamp", _time),
    "timestamp": ("timestamp", _time),
    "httpRequest": ("httpRequest", _object(http_request)),
    f"{PREFIX}insertId": ("insertId", _text),
    f"{PREFIX}trace": ("trace", _text),
    f"{PREFIX}spanId": ("spanId", _text),
    f"{PREFIX}trace_sampled": ("traceSampled", _flag),
    f"{PREFIX}labels": ("labels", _object(_labels)),
    f"{PREFIX}operation": ("operation", _object(operation)),
    f"{PREFIX}sourceLocation": ("sourceLocation", _object(source_location)),
}
