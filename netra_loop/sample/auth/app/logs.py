"""Structured logs as Cloud Run reads them: one JSON object a line on standard output."""

import json
import re
import sys
from contextvars import ContextVar

TRACE: ContextVar[str] = ContextVar("trace", default="")
TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def trace_id(traceparent: str) -> str:
    """The trace id in a W3C traceparent header; empty when there is none."""
    match = TRACEPARENT.fullmatch(traceparent.strip())
    return match.group(1) if match else ""


class Log:
    """Writes lines that carry the trace of the request they belong to."""

    def __init__(self, project: str) -> None:
        self._prefix = f"projects/{project}/traces/" if project else ""

    def write(self, severity: str, message: str, **fields: object) -> None:
        line: dict[str, object] = {"severity": severity, "message": message, **fields}
        if trace := TRACE.get():
            line["logging.googleapis.com/trace"] = self._prefix + trace
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
