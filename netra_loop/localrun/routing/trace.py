"""Trace context: which trace a request belongs to, and how its service is told."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
CLOUD_TRACE = re.compile(r"([0-9a-fA-F]{32})(?:/\d+)?(?:;.*)?")
NO_TRACE = "0" * 32


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace id of 32 and a span id of 16 hexadecimal digits."""

    trace: str
    span: str

    def headers(self) -> dict[str, str]:
        """The W3C header and Google's older one, both sampled."""
        return {
            "traceparent": f"00-{self.trace}-{self.span}-01",
            "x-cloud-trace-context": f"{self.trace}/{int(self.span, 16)};o=1",
        }


def adopt(headers: Mapping[str, str]) -> Trace:
    """A new span in the trace that came with the request, else in a new one; traceparent goes first."""
    span = secrets.token_hex(8)
    for name, pattern in (("traceparent", TRACEPARENT), ("x-cloud-trace-context", CLOUD_TRACE)):
        found = pattern.fullmatch(headers.get(name, ""))
        if found and found[1] != NO_TRACE:
            return Trace(found[1].lower(), span)
    return Trace(secrets.token_hex(16), span)
