"""Cloud Logging: what services and the router say arrives as entries, also through the unmodified client."""

import asyncio
import json
import re
import uuid
from typing import Any

import httpx
import pytest
from google.api_core import exceptions

from netra_loop.localrun.logs.entries import Source, line_entry
from netra_loop.localrun.runtime.process import LONGEST_LINE, read_lines
from netra_loop.localrun.services.model import Place, RevisionId, ServiceId
from tests.localrun.cloud import Cloud, service_body, until

TRACE = "0af7651916cd43dd8448eb211c80319c"
SOURCE = Source(RevisionId(ServiceId(Place("demo", "here"), "backend"), "backend-1"), "instance")


def of(name: str, log: str) -> str:
    return f'resource.labels.service_name="{name}" AND log_id("run.googleapis.com/{log}")'


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_line_of_output_is_an_entry(cloud: Cloud, echo: str, name: str, stream: str) -> None:
    uri = cloud.deploy(name, service_body(echo, revision=f"{name}-a"))["uri"]
    httpx.get(f"{uri}/print", params={"line": "hello there"} | ({"stderr": "1"} if stream == "stderr" else {}))
    (entry,) = until(lambda: cloud.entries(of(name, stream)), "the line is logged")
    assert entry["logName"] == f"projects/demo/logs/run.googleapis.com%2F{stream}"
    assert (entry["textPayload"], entry["severity"]) == ("hello there", "DEFAULT")
    assert entry["resource"] == {
        "type": "cloud_run_revision",
        "labels": {
            "project_id": "demo",
            "location": "europe-west1",
            "service_name": name,
            "revision_name": f"{name}-a",
            "configuration_name": name,
        },
    }
    assert entry["labels"] == {"instanceId": cloud.instances(name)[f"{name}-a"][0]["id"]}


@pytest.mark.parametrize(("status", "severity"), [(200, "INFO"), (404, "WARNING"), (503, "ERROR")])
def test_a_request_is_an_entry_in_its_trace(cloud: Cloud, echo: str, name: str, status: int, severity: str) -> None:
    uri = cloud.deploy(name, service_body(echo))["uri"]
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "user-agent": "tests/1"}
    httpx.get(f"{uri}/status", params={"code": status}, headers=headers)
    (entry,) = until(lambda: cloud.entries(of(name, "requests")), "the request is logged")
    request = entry["httpRequest"]
    latency = request.pop("latency")
    assert re.fullmatch(r"\d+\.\d{6}s", latency)
    assert request == {
        "requestMethod": "GET",
        "requestUrl": f"{uri}/status?code={status}",
        "requestSize": "0",
        "status": status,
        "responseSize": "2",
        "userAgent": "tests/1",
        "remoteIp": "127.0.0.1",
        "serverIp": "127.0.0.1",
        "protocol": "HTTP/1.1",
    }
    assert (entry["trace"], entry["severity"]) == (f"projects/demo/traces/{TRACE}", severity)
    assert re.fullmatch(r"[0-9a-f]{16}", entry["spanId"])
    assert set(entry["labels"]) == {"instanceId"}


def test_the_platform_tells_how_an_instance_came_and_went(cloud: Cloud, echo: str, name: str) -> None:
    cloud.deploy(name, service_body(echo))
    cloud.delete(name)
    texts = [re.sub(r"\d+", "N", entry["textPayload"]) for entry in cloud.entries(of(name, "varlog/system"))]
    assert texts == [
        "Starting new instance.",
        "STARTUP TCP probe succeeded on port N.",
        "Container called exit(N).",
    ]


def test_each_line_is_an_entry_and_what_is_no_utf_8_is_marked() -> None:
    async def lines(output: bytes) -> list[str]:
        stream, found = asyncio.StreamReader(), list[str]()
        stream.feed_data(output)
        stream.feed_eof()
        await read_lines(stream, found.append)
        return found

    assert asyncio.run(lines(b"one\r\n\n  two\n\xff\xe4\xb8 three")) == ["one", "  two", "\ufffd\ufffd three"]


def test_a_line_joins_the_request_it_belongs_to(cloud: Cloud, echo: str, name: str) -> None:
    uri = cloud.deploy(name, service_body(echo))["uri"]
    trace = f"projects/demo/traces/{uuid.uuid4().hex}"
    line = {"message": "in the request", "severity": "NOTICE", "logging.googleapis.com/trace": trace}
    headers = {"traceparent": f"00-{trace[-32:]}-b7ad6b7169203331-01"}
    httpx.get(f"{uri}/print", params={"line": json.dumps(line)}, headers=headers)
    httpx.get(f"{uri}/print", params={"line": "of another request"})
    found = until(lambda: len(two := cloud.entries(f'trace="{trace}"')) == 2 and two, "both are logged")
    assert {entry["logName"].rpartition("%2F")[2] for entry in found} == {"stdout", "requests"}
    (said,) = cloud.entries(f'trace="{trace}" AND severity>INFO')
    assert said["textPayload"] == "in the request"


def test_the_address_of_a_revision_s_logs_tells_them(cloud: Cloud, echo: str, name: str) -> None:
    cloud.deploy(name, service_body(echo, revision=f"{name}-a"))
    (revision,) = cloud.revisions(name)
    entries = cloud.get(revision["logUri"])["entries"]
    assert [entry["textPayload"].split()[0] for entry in entries] == ["Starting", "STARTUP"]
    assert entries[0] in cloud.get("/_local/logs")["entries"]


def test_a_line_that_is_too_long_is_cut(cloud: Cloud, echo: str, name: str) -> None:
    uri = cloud.deploy(name, service_body(echo))["uri"]
    httpx.get(f"{uri}/long", params={"size": LONGEST_LINE + 10_000})
    httpx.get(f"{uri}/print", params={"line": "after it"})
    entries = until(lambda: len(found := cloud.entries(of(name, "stdout"))) == 2 and found, "both lines are logged")
    assert [len(entry["textPayload"]) for entry in entries] == [LONGEST_LINE, len("after it")]


LIFTED: dict[str, tuple[Any, dict[str, Any]]] = {
    "only a message is text": ({"message": "m"}, {"textPayload": "m", "severity": "DEFAULT"}),
    "more than a message is structured": ({"message": "m", "n": 1}, {"jsonPayload": {"message": "m", "n": 1}}),
    "the severity": ({"severity": "error", "message": "m"}, {"severity": "ERROR", "textPayload": "m"}),
    "a severity of another library": ({"severity": "WARN", "message": "m"}, {"severity": "WARNING"}),
    "a severity as a number": ({"severity": 400, "message": "m"}, {"severity": "WARNING"}),
    "a severity nobody knows": ({"severity": "LOUD", "message": "m"}, {"severity": "DEFAULT"}),
    "trace and span": (
        {"logging.googleapis.com/trace": "t", "logging.googleapis.com/spanId": "s", "message": "m"},
        {"trace": "t", "spanId": "s", "textPayload": "m"},
    ),
    "whether it was sampled": ({"logging.googleapis.com/trace_sampled": True, "a": 1}, {"traceSampled": True}),
    "labels, beside the instance": (
        {"logging.googleapis.com/labels": {"a": 1}, "message": "m"},
        {"labels": {"instanceId": "instance", "a": "1"}},
    ),
    "the source location": (
        {"logging.googleapis.com/sourceLocation": {"file": "f", "line": 3, "x": 1}, "a": 1},
        {"sourceLocation": {"file": "f", "line": "3"}, "jsonPayload": {"a": 1}},
    ),
    "a request": (
        {"httpRequest": {"status": "200", "latency": "1s", "junk": 1}, "message": "m"},
        {"httpRequest": {"status": 200, "latency": "1s"}, "textPayload": "m"},
    ),
    "the time": ({"time": "2026-01-01T00:00:00Z", "message": "m"}, {"timestamp": "2026-01-01T00:00:00Z"}),
    "what is of the wrong kind stays": (
        {"logging.googleapis.com/trace": 1, "httpRequest": "GET", "time": "now"},
        {"jsonPayload": {"logging.googleapis.com/trace": 1, "httpRequest": "GET", "time": "now"}},
    ),
    "a list is text": ([1], {"textPayload": "[1]"}),
    "the severity as text of a number": ({"severity": "450", "message": "m"}, {"severity": "WARNING"}),
    "a severity beyond the scale": ({"severity": 1000, "message": "m"}, {"severity": "EMERGENCY"}),
    "a severity in one letter": ({"severity": "e", "message": "m"}, {"severity": "ERROR"}),
    "only special fields": ({"severity": "INFO"}, {"severity": "INFO", "jsonPayload": {}}),
    "the time in parts": (
        {"timestamp": {"seconds": 1767225600, "nanos": 5000}, "message": "m"},
        {"timestamp": "2026-01-01T00:00:00.000005000Z", "textPayload": "m"},
    ),
    "the time in two fields": (
        {"timestampSeconds": 1767225600, "timestampNanos": "7", "message": "m"},
        {"timestamp": "2026-01-01T00:00:00.000000007Z", "textPayload": "m"},
    ),
    "the time with an offset": (
        {"time": "2026-01-01T01:00:00.123456789+01:00", "a": 1},
        {"timestamp": "2026-01-01T00:00:00.123456789Z", "jsonPayload": {"a": 1}},
    ),
    "a time that is none stays": (
        {"timestamp": {"seconds": "soon"}, "timestampSeconds": 1e20, "time": "0001-01-01T00:00:00+01:00"},
        {
            "jsonPayload": {
                "timestamp": {"seconds": "soon"},
                "timestampSeconds": 1e20,
                "time": "0001-01-01T00:00:00+01:00",
            }
        },
    ),
    "an id of its own": (
        {"logging.googleapis.com/insertId": "i", "message": "m"},
        {"insertId": "i", "textPayload": "m"},
    ),
    "the operation": (
        {"logging.googleapis.com/operation": {"id": 1, "producer": "p", "first": True, "x": 1}, "a": 1},
        {"operation": {"id": "1", "producer": "p", "first": True}, "jsonPayload": {"a": 1}},
    ),
    "labels that are no texts": (
        {"logging.googleapis.com/labels": {"a": True, "b": None}, "message": "m"},
        {"labels": {"instanceId": "instance", "a": "true", "b": "null"}},
    ),
    "a stack trace is payload": (
        {"message": "m", "stack_trace": "at", "exception": "e", "severity": "ERROR"},
        {"jsonPayload": {"message": "m", "stack_trace": "at", "exception": "e"}, "severity": "ERROR"},
    ),
    "a message that is no text": ({"message": {"a": 1}}, {"jsonPayload": {"message": {"a": 1}}}),
    "whether a cache was asked": ({"httpRequest": {"cacheHit": True}, "a": 1}, {"httpRequest": {"cacheHit": True}}),
}


@pytest.mark.parametrize(("line", "expected"), LIFTED.values(), ids=LIFTED.keys())
def test_the_special_fields_of_a_json_line_are_lifted_out(line: Any, expected: dict[str, Any]) -> None:
    entry = line_entry(SOURCE, "stdout", json.dumps(line))
    assert {key: entry.get(key) for key in expected} == expected


NO_JSON = ["{", '{"a": NaN}', '{"a":' * 100_000, "{'single': 1}", '{"a": 1e999}', '{"a":' * 60 + "1" + "}" * 60]


@pytest.mark.parametrize("line", NO_JSON, ids=lambda line: line[:12])
def test_what_only_looks_like_json_is_text(line: str) -> None:
    assert line_entry(SOURCE, "stdout", line)["textPayload"] == line


def test_the_client_lists_in_pages_and_either_order(cloud: Cloud) -> None:
    logger = cloud.logging_client().logger("numbers")
    with logger.batch() as batch:
        for number in range(7):
            batch.log_struct({"number": number}, severity="NOTICE")
    for order, expected in (("timestamp asc", range(7)), ("timestamp desc", range(6, -1, -1))):
        found = logger.list_entries(filter_='severity="NOTICE"', order_by=order, page_size=3)
        assert [entry.payload["number"] for entry in found] == list(expected)


def test_the_client_writes_text_structure_and_labels(cloud: Cloud) -> None:
    logger = cloud.logging_client().logger("written")
    logger.log_text("words", severity="ERROR", labels={"a": "b"}, trace="projects/demo/traces/1")
    (entry,) = logger.list_entries(filter_='textPayload="words"')
    assert (entry.payload, entry.severity, entry.labels, entry.trace) == (
        "words",
        "ERROR",
        {"a": "b"},
        "projects/demo/traces/1",
    )
    assert entry.resource.type == "global"


def test_entries_of_another_project_are_not_shown(cloud: Cloud) -> None:
    body = {"logName": "projects/other/logs/mine", "entries": [{"textPayload": "other"}]}
    assert cloud.http.post("/v2/entries:write", json=body).json() == {}
    assert cloud.entries('logName:"mine"') == []
    assert len(cloud.entries('logName:"mine"', resourceNames=["projects/other"])) == 1


def test_the_client_is_told_where_a_filter_is_wrong(cloud: Cloud) -> None:
    with pytest.raises(exceptions.BadRequest, match="Unparseable filter: syntax error at line 1, column 11"):
        list(cloud.logging_client().list_entries(filter_="severity="))


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("list", {}, "resourceNames: must name projects"),
        ("list", {"resourceNames": ["folders/1"]}, "resourceNames: must name projects"),
        ("list", {"resourceNames": ["projects/p"], "orderBy": "severity"}, "orderBy: 'severity' must be"),
        ("list", {"resourceNames": ["projects/p"], "pageToken": "?"}, "page_token: '?' is not one of ours"),
        ("list", {"resourceNames": ["projects/p"], "pageSize": -1}, "pageSize: must not be negative"),
        ("write", {"entries": [{"textPayload": "x"}]}, "entries[0].logName: '' must be"),
        (
            "write",
            {"logName": "projects/p/logs/l", "entries": [{"colour": 1}]},
            'Unknown name "colour" at "entries[0]"',
        ),
        ("write", {"logName": "projects/p/logs/l", "entries": [{"timestamp": "noon"}]}, "entries[0].timestamp: 'noon'"),
    ],
)
def test_a_wrong_call_is_refused(cloud: Cloud, path: str, body: dict[str, Any], message: str) -> None:
    answer = cloud.http.post(f"/v2/entries:{path}", json=body)
    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]
