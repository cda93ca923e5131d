"""Every answer of the Google APIs is what their published messages allow, to the last field."""

import json
from typing import Any

import pytest
from google.cloud import run_v2
from google.cloud.logging_v2.types import ListLogEntriesResponse, ListLogsResponse, LogEntry
from google.longrunning import operations_pb2
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from netra_loop.localrun.logs.entries import Source, line_entry
from netra_loop.localrun.services.model import Place, RevisionId, ServiceId
from tests.localrun.cloud import PLACE, Cloud, service_body, to_latest, to_revision, until

HTTP_PROBE = {"httpGet": {"path": "/", "httpHeaders": [{"name": "x-probe", "value": "1"}]}, "timeoutSeconds": 5}


def parse(text: str, message: Any) -> None:
    """Raises for any field or value that the message does not know."""
    json_format.Parse(text, message, ignore_unknown_fields=False)


@pytest.fixture
def rich_service(cloud: Cloud, echo: str, name: str) -> str:
    """A service that uses every field, with a failed revision on top of a good one."""
    body = service_body(
        echo, revision=f"{name}-good", labels={"a": "b"}, annotations={"c": "d"}, timeout="1.5s", serviceAccount="me@x",
        executionEnvironment=2, maxInstanceRequestConcurrency=3, scaling={"maxInstanceCount": 5}, sessionAffinity=True,
        healthCheckDisabled=True,
    )  # fmt: skip
    container = body["template"]["containers"][0]
    container |= {"name": "main", "args": ["--an", "argument"], "startupProbe": HTTP_PROBE, "livenessProbe": HTTP_PROBE}
    container["resources"] = {"limits": {"cpu": "2"}, "startupCpuBoost": True}
    body |= {"description": "all of it", "labels": {"e": "f"}, "ingress": 1, "launchStage": 4, "client": "tests"}
    body |= {"scaling": {"minInstanceCount": 1}, "customAudiences": ["x"], "invokerIamDisabled": True}
    body |= {"traffic": [to_latest(100), to_revision(f"{name}-good", 0, "good")]}
    cloud.deploy(name, body)
    cloud.finish(cloud.patch(name, service_body(echo, revision=f"{name}-bad", env={"CRASH": "1"})))
    return name


def test_services_and_revisions(cloud: Cloud, rich_service: str) -> None:
    path = f"/v2/{PLACE}/services"
    answers: dict[str, Any] = {
        f"{path}/{rich_service}": run_v2.Service,
        path: run_v2.ListServicesResponse,
        f"{path}/{rich_service}/revisions": run_v2.ListRevisionsResponse,
        f"{path}/{rich_service}/revisions/{rich_service}-good": run_v2.Revision,
        f"{path}/{rich_service}/revisions/{rich_service}-bad": run_v2.Revision,
    }
    for address, message in answers.items():
        parse(cloud.http.get(address).text, message.pb()())


def test_operations(cloud: Cloud, echo: str, name: str) -> None:
    begun = cloud.create(name, service_body(echo))
    parse(begun.text, operations_pb2.Operation())
    cloud.finish(begun)
    parse(cloud.http.get(f"/v2/{begun.json()['name']}").text, operations_pb2.Operation())
    failed = cloud.patch(name, service_body(echo, env={"CRASH": "1"}))
    cloud.finish(failed)
    parse(cloud.http.get(f"/v2/{failed.json()['name']}").text, operations_pb2.Operation())
    deleted = cloud.http.delete(f"/v2/{PLACE}/services/{name}")
    parse(deleted.text, operations_pb2.Operation())
    cloud.finish(deleted)


SPECIAL = ["severity", "time", "timestamp", "httpRequest", "message", *(
    f"logging.googleapis.com/{key}"
    for key in ("trace", "spanId", "insertId", "trace_sampled", "labels", "sourceLocation", "operation")
)]  # fmt: skip
SIMPLE = st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from(["1s", "200", "INFO"])
INNER = ["status", "latency", "requestSize", "requestMethod", "line", "file", "id", "first", "a"]
VALUES = SIMPLE | st.dictionaries(st.sampled_from(INNER), SIMPLE | st.lists(SIMPLE, max_size=1))


@given(st.dictionaries(st.sampled_from([*SPECIAL, "other"]), VALUES))
def test_the_entry_of_any_json_line(line: dict[str, Any]) -> None:
    source = Source(RevisionId(ServiceId(Place("demo", "here"), "backend"), "backend-1"), "instance")
    entry = line_entry(source, "stdout", json.dumps(line))
    parse(json.dumps(entry), LogEntry.pb()())


LINES = [
    "plain text",
    '{"message": "only a message", "severity": "WARN"}',
    '{"severity": 500, "httpRequest": {"status": "404", "latency": "0.5s", "requestSize": 3, "strange": 1}}',
    '{"httpRequest": {"latency": "soon", "status": "many", "requestSize": "big"}}',
    '{"logging.googleapis.com/sourceLocation": {"file": "a.py", "line": "12", "function": "f"}, "n": 1.5}',
    '{"logging.googleapis.com/sourceLocation": {"file": "a.py", "line": "twelve"}}',
    '{"logging.googleapis.com/operation": {"id": "1", "producer": "p", "first": true}}',
    '{"logging.googleapis.com/labels": {"a": 1}, "logging.googleapis.com/trace": "t", "x": [1, null, {"y": []}]}',
    '{"time": "2026-01-01T00:00:00.123456789Z", "message": "with a time"}',
    '{"time": "yesterday", "message": "with a wrong time"}',
    '{"message": NaN}',
    '{"message": "half of a pair: \\ud800", "\\udfff": 1}',
    '{"deep": ' + "[" * 48 + "1" + "]" * 48 + "}",
    '{"timestamp": {"seconds": 253402300799, "nanos": 999999999}, "large": 1e308}',
    "{not json",
    "[1, 2]",
]


def test_log_entries(cloud: Cloud, echo: str, name: str) -> None:
    uri = cloud.deploy(name, service_body(echo))["uri"]
    for line in LINES:
        cloud.http.get(f"{uri}/print", params={"line": line})
    until(lambda: cloud.entries(f'resource.labels.service_name="{name}" textPayload="[1, 2]"'), "all lines are logged")
    body = {"resourceNames": ["projects/demo"], "filter": f'resource.labels.service_name="{name}"', "pageSize": 1000}
    answer = cloud.http.post("/v2/entries:list", json=body)
    parse(answer.text, ListLogEntriesResponse.pb()())
    assert any("half of a pair" in json.dumps(entry) for entry in answer.json()["entries"])
    assert any("deep" in entry.get("jsonPayload", {}) for entry in answer.json()["entries"])


def test_log_names(cloud: Cloud) -> None:
    cloud.http.post(
        "/v2/entries:write", json={"logName": "projects/demo/logs/a%2Fb", "entries": [{"textPayload": "x"}]}
    )
    parse(cloud.http.get("/v2/projects/demo/logs").text, ListLogsResponse.pb()())
