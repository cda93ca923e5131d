"""Cloud Logging v2 over REST: listing and writing entries, the logs there are, and removing one."""

import asyncio
import re
import secrets
from dataclasses import dataclass

from netra_loop.localrun import clock
from netra_loop.localrun.api.http_api import Answer, ApiRequest, Route, page_document
from netra_loop.localrun.errors import ApiError, not_found
from netra_loop.localrun.fields import Document, Fields
from netra_loop.localrun.logs import filter as log_filter
from netra_loop.localrun.logs.index import Condition, both, column_condition, either, normal
from netra_loop.localrun.logs.lifting import http_request, operation, severity_name, source_location
from netra_loop.localrun.logs.match import Filter
from netra_loop.localrun.logs.store import LogStore

DEFAULT_PAGE = 50
LARGEST_PAGE = 1000
LOG_NAME = re.compile(r"projects/[^/]+/logs/[^/\s]+")
PROJECT = re.compile(r"projects/([^/]+)(/.*)?")
MOST_PROJECTS = 100  # REST reference of entries.list; not more than MOST_VALUES
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
            Route("POST", "/v2/entries:list", self.list_entries, api="logging"),
            Route("POST", "/v2/entries:write", self.write_entries, api="logging"),
            Route("GET", "/v2/projects/{project}/logs", self.list_logs, api="logging"),
            Route("DELETE", "/v2/projects/{project}/logs/{log}", self.delete_log, "delete_log", api="logging"),
        ]

    async def list_entries(self, request: ApiRequest) -> Answer:
        """The matching entries of the projects named; INVALID_ARGUMENT says where a filter is wrong."""
        body = Fields(request.json())
        wanted = log_filter.compile_filter(body.text("filter"))
        size = body.number("pageSize", DEFAULT_PAGE)
        if size < 0:
            raise body.wrong("pageSize", "must not be negative")
        scoped = Filter(wanted.matches, both([_of_projects(body), wanted.condition]))
        size = min(size or DEFAULT_PAGE, LARGEST_PAGE)
        page = await self.logs.page(scoped, _newest_first(body), size, body.text("pageToken"))
        return Answer(page_document("entries", page.entries, page.next_token))

    async def write_entries(self, request: ApiRequest) -> Answer:
        """Keep all entries; when one of them is wrong none, or with `partialSuccess` all others.

        Raises the first thing that was wrong, without the details by index that Cloud Logging adds.
        """
        return await asyncio.to_thread(self._write, request)  # they may be thousands

    async def list_logs(self, request: ApiRequest) -> Answer:
        """The names of a project's logs that have entries; a page token is the last name before the page."""
        after = request.parameter("pageToken")
        names = sorted(name for name in await self.logs.log_names(request.args["project"]) if name > after)
        size = min(request.number("pageSize", DEFAULT_PAGE), LARGEST_PAGE)
        more = {"nextPageToken": names[size - 1]} if len(names) > size else {}
        return Answer({"logNames": names[:size]} | more)

    async def delete_log(self, request: ApiRequest) -> Answer:
        """Remove the entries of a log. Raises NOT_FOUND when it has none."""
        if not await self.logs.delete(request.args["project"], request.args["log"]):
            raise not_found(f"Log {request.args['log']} does not exist")
        return Answer({})

    def _write(self, request: ApiRequest) -> Answer:
        body = Fields(request.json())
        entries, refusals = _read_entries(body)
        if not body.flag("dryRun") and (not refusals or body.flag("partialSuccess")):
            for entry in entries:
                self.logs.append(entry)
        if refusals:
            raise refusals[0]
        return Answer({})


def _of_projects(body: Fields) -> Condition:
    names = body.texts("resourceNames") or [f"projects/{project}" for project in body.texts("projectIds")]
    found = [PROJECT.fullmatch(name) for name in names]
    if not found or not all(found):
        raise body.wrong("resourceNames", "must name projects such as 'projects/my-project'")
    if len(found) > MOST_PROJECTS:
        raise body.wrong("resourceNames", f"must be at most {MOST_PROJECTS}")
    return either(column_condition("project", "=", normal(match[1])) for match in found if match)


def _newest_first(body: Fields) -> bool:
    order = " ".join(body.text("orderBy", "timestamp asc").split()) or "timestamp asc"
    if order not in ("timestamp", "timestamp asc", "timestamp desc"):
        raise body.wrong("orderBy", f"'{order}' must be 'timestamp asc' or 'timestamp desc'")
    return order.endswith("desc")


def _read_entries(body: Fields) -> tuple[list[Document], list[ApiError]]:
    """The entries that can be kept, and what is wrong with the others."""
    entries, refusals = [], []
    for fields in body.each("entries"):
        try:
            entries.append(_entry(fields, body))
        except ApiError as refusal:
            refusals.append(refusal)
    return entries, refusals


def _entry(entry: Fields, body: Fields) -> Document:
    """One written entry, completed by what the request says for all of them and by the server's own values."""
    log_name = entry.text("logName") or body.text("logName")
    if not LOG_NAME.fullmatch(log_name):
        raise entry.wrong("logName", f"'{log_name}' must be 'projects/PROJECT/logs/LOG' with LOG percent-encoded")
    moment = clock.now()
    try:
        timestamp = clock.in_utc(entry.text("timestamp") or moment)
    except ValueError as error:
        raise entry.wrong("timestamp", str(error)) from None
    project = log_name.split("/")[1]
    return _content(entry) | {
        "logName": log_name,
        "resource": _resource(entry) or _resource(body) or {"type": "global", "labels": {"project_id": project}},
        "labels": body.mapping("labels") | entry.mapping("labels"),
        "timestamp": timestamp,
        "receiveTimestamp": moment,
        "severity": severity_name(entry.document.get("severity") or "DEFAULT"),
        "insertId": entry.text("insertId") or secrets.token_hex(10),
    }


def _content(entry: Fields) -> Document:
    """What the writer alone decides: the payload and what it belongs to."""
    entry.expect_only(ENTRY_FIELDS)
    if sum(entry.has(key) for key in PAYLOADS) > 1:
        raise entry.wrong("jsonPayload", "an entry has at most one payload")
    content: Document = {key: entry.text(key) for key in ("textPayload", "trace", "spanId") if entry.has(key)}
    content |= {key: entry.fields(key).document for key in ("jsonPayload", "protoPayload") if entry.has(key)}
    if entry.has("traceSampled"):
        content["traceSampled"] = entry.flag("traceSampled")
    if entry.has("httpRequest"):
        content["httpRequest"] = http_request(entry.fields("httpRequest").document)
    if entry.has("sourceLocation"):
        content["sourceLocation"] = source_location(entry.fields("sourceLocation").document)
    if entry.has("operation"):
        entry.fields("operation").expect_only(("id", "producer", "first", "last"))
        content["operation"] = operation(entry.document["operation"])
    return content


def _resource(holder: Fields) -> Document | None:
    """The monitored resource that an entry, or the whole request, names."""
    if not holder.has("resource"):
        return None
    resource = holder.fields("resource")
    resource.expect_only(("type", "labels"))
    return {"type": resource.text("type"), "labels": resource.mapping("labels")}
