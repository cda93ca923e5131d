"""Cloud Logging v2 over REST: listing and writing entries."""

import re
import secrets
from dataclasses import dataclass

from netra_loop.localrun import clock, log_filter
from netra_loop.localrun.entries import severity_name
from netra_loop.localrun.fields import Document, Fields
from netra_loop.localrun.http_api import Answer, ApiRequest, Route, page_document
from netra_loop.localrun.log_store import LogStore

DEFAULT_PAGE = 50
LARGEST_PAGE = 1000
LOG_NAME = re.compile(r"projects/[^/]+/logs/[^/\s]+")
PROJECT = re.compile(r"projects/([^/]+)(/.*)?")
PAYLOADS = ("textPayload", "jsonPayload", "protoPayload")
ENTRY_FIELDS = (
    "logName", "resource", "timestamp", "receiveTimestamp", "severity", "insertId", "httpRequest", "labels",
    "operation", "trace", "spanId", "traceSampled", "sourceLocation", *PAYLOADS,
)  # fmt: skip


@dataclass(slots=True)
class LogApi:
    logs: LogStore

    def routes(self) -> list[Route]:
        return [
            Route("POST", "/v2/entries:list", self.list_entries),
            Route("POST", "/v2/entries:write", self.write_entries),
        ]

    async def list_entries(self, request: ApiRequest) -> Answer:
        """The matching entries of the projects named; INVALID_ARGUMENT says where a filter is wrong."""
        body = Fields(request.json())
        matches = log_filter.compile_filter(body.text("filter"))
        prefixes = _prefixes(body)
        size = body.number("pageSize", DEFAULT_PAGE)
        if size < 0:
            raise body.wrong("pageSize", "must not be negative")

        def wanted(entry: Document) -> bool:
            return entry["logName"].startswith(prefixes) and matches(entry)

        size = min(size or DEFAULT_PAGE, LARGEST_PAGE)
        page = await self.logs.page(wanted, _newest_first(body), size, body.text("pageToken"))
        return Answer(page_document("entries", page.entries, page.next_token))

    async def write_entries(self, request: ApiRequest) -> Answer:
        """Keep all entries, or none when one of them is wrong."""
        body = Fields(request.json())
        entries = [_entry(entry, body) for entry in body.each("entries")]
        if not body.flag("dryRun"):
            for entry in entries:
                self.logs.append(entry, len(request.body) // len(entries))
        return Answer({})


def _prefixes(body: Fields) -> tuple[str, ...]:
    names = body.texts("resourceNames") or [f"projects/{project}" for project in body.texts("projectIds")]
    found = [PROJECT.fullmatch(name) for name in names]
    if not found or not all(found):
        raise body.wrong("resourceNames", "must name projects such as 'projects/my-project'")
    return tuple(f"projects/{match[1]}/" for match in found if match)


def _newest_first(body: Fields) -> bool:
    order = " ".join(body.text("orderBy", "timestamp asc").split()) or "timestamp asc"
    if order not in ("timestamp", "timestamp asc", "timestamp desc"):
        raise body.wrong("orderBy", f"'{order}' must be 'timestamp asc' or 'timestamp desc'")
    return order.endswith("desc")


def _entry(entry: Fields, body: Fields) -> Document:
    """One written entry, completed by what the request says for all of them and by the server's own values."""
    entry.expect_only(ENTRY_FIELDS)
    log_name = entry.text("logName") or body.text("logName")
    if not LOG_NAME.fullmatch(log_name):
        raise entry.wrong("logName", f"'{log_name}' must be 'projects/PROJECT/logs/LOG' with LOG percent-encoded")
    if sum(entry.has(key) for key in PAYLOADS) > 1:
        raise entry.wrong("jsonPayload", "an entry has at most one payload")
    moment = clock.now()
    timestamp = entry.text("timestamp") or moment
    if not clock.is_timestamp(timestamp):
        raise entry.wrong("timestamp", f"'{timestamp}' is no RFC 3339 time")
    default_resource = {"type": "global", "labels": {"project_id": log_name.split("/")[1]}}
    resource = entry.fields("resource").document or body.fields("resource").document or default_resource
    return entry.document | {
        "logName": log_name,
        "resource": resource,
        "labels": body.mapping("labels") | entry.mapping("labels"),
        "timestamp": timestamp,
        "receiveTimestamp": moment,
        "severity": severity_name(entry.document.get("severity") or "DEFAULT"),
        "insertId": entry.text("insertId") or secrets.token_hex(10),
    }
