"""The log query language, rule by rule, on entries as Cloud Run writes them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_loop.localrun.errors import ApiError
from netra_loop.localrun.logs.filter import compile_filter

ENTRY: dict[str, Any] = {
    "logName": "projects/demo/logs/run.googleapis.com%2Frequests",
    "resource": {"type": "cloud_run_revision", "labels": {"service_name": "backend", "revision_name": "backend-00002"}},
    "timestamp": "2026-03-01T12:00:00.500000Z",
    "severity": "WARNING",
    "insertId": "1",
    "labels": {"instanceId": "abc", "run.googleapis.com/kind": "x"},
    "trace": "projects/demo/traces/0af7",
    "traceSampled": True,
    "httpRequest": {"status": 404, "latency": "0.250s", "responseSize": "1234", "requestUrl": "http://h/a?b=(c)"},
    "jsonPayload": {
        "message": "User 42 not Found",
        "user": {"id": 42, "tags": ["new", "paying"]},
        "a.b": "dotted",
        "address": "10.1.2.3",
        "snake_case": 1,
        "void": None,
        "took": "1500ms",
    },
}

MATCHING = [
    "", "   ", "-- only a comment", "severity=WARNING", "severity = warning", "severity>=NOTICE", "severity<ERROR",
    "severity!=INFO", "severity>=400", "severity=(ERROR OR WARNING)", "NOT severity=ERROR", "-severity=ERROR",
    'logName="projects/demo/logs/run.googleapis.com%2Frequests"',
    "logName=projects/demo/logs/run.googleapis.com%2Frequests", 'log_id("run.googleapis.com/requests")',
    "resource.type=cloud_run_revision resource.labels.service_name=backend",
    'resource.labels.service_name="BACKEND"', "resource.labels.service_name:back",
    "resource.labels.service_name=~^back",
    "resource.labels.service_name!~^front", 'timestamp>="2026-03-01T12:00:00Z"', "timestamp>=2026-03-01T12:00:00Z",
    'timestamp<"2026-03-01T13:00:00+00:00"', 'timestamp>"2026-03-01"', "httpRequest.status=404",
    "httpRequest.status>=400 AND httpRequest.status<500", "http_request.status=404", "httpRequest.latency>0.2s",
    'httpRequest.latency<"1s"', "httpRequest.responseSize>999", 'httpRequest.requestUrl:"?b=(c)"', "traceSampled=true",
    'labels."run.googleapis.com/kind"=x', "labels.instanceId=abc", 'jsonPayload."a.b"=dotted', "jsonPayload.a.b=dotted",
    "jsonPayload.user.id=42", "jsonPayload.user.id>41.5", "jsonPayload.user.tags=paying", "jsonPayload.user.tags:pay",
    "jsonPayload.user:*", "jsonPayload:found", 'jsonPayload.message=~"User \\d+"', 'jsonPayload.message=~"User \\\\d+"',
    "found", '"not found"', "NOT missing", "-missing", 'jsonPayload.message:("nobody" OR "user")',
    "jsonPayload.message:(user AND found)", "jsonPayload.message:(user NOT nobody)", "(severity=ERROR) OR (backend)",
    "missing OR backend AND warning", "(missing OR (backend))", "textPayload=\"\"", "textPayload!~anything",
    'SEARCH("found USER")', 'SEARCH("`not found`")', 'SEARCH(jsonPayload.message, "42")',
    'SEARCH("cloud run revision")',
    "sample(insertId, 1)", "sample(jsonPayload.user.id, 1.0)", 'ip_in_net(jsonPayload.address, "10.1.0.0/16")',
    'ip_in_net(jsonPayload.address, "10.1.2.3")', "jsonPayload.void=NULL_VALUE", "jsonPayload.user!=NULL_VALUE",
    'jsonPayload.void!="NULL_VALUE"', "jsonPayload.took>1s", "jsonPayload.took<0.5m", "httpRequest.latency>=250ms",
    "jsonPayload.snake_case=1", "traceSampled!=1", "jsonPayload.user.id=42.0", "json_payload.user.id=42",
    'jsonPayload.message=~"(?i)user"', "log_id(RUN.googleapis.com/requests)", 'logName:"requests"',
    "timestamp>2026-02-01",
    'NOT log_id("x") AND NOT SEARCH("nobody")', "timestamp!=2026-01-01", "severity=400", "severity!=(INFO OR DEBUG)",
    "spanId!=x", "severity=WARNING -- and a comment\nbackend", "NOT NOT backend",
]  # fmt: skip

OTHERS = [
    "severity=ERROR", "severity>WARNING", "-severity=WARNING", "NOT backend", "missing", "backend missing",
    "backend AND missing OR absent", 'log_id("run.googleapis.com/stdout")', "resource.labels.service_name=back",
    'timestamp>"2026-03-01T12:00:00.5Z"', "httpRequest.status=200", "httpRequest.latency>1s", "jsonPayload.nothing=x",
    "jsonPayload.nothing!=x", "labels.nothing!~x", "resource.labels.nothing!=x", "jsonPayload.nothing:*",
    "textPayload:*", "jsonPayload.message=~user", 'jsonPayload.user.tags=("old" OR "broke")', "jsonPayload.user.id<42",
    'SEARCH("foun")', 'SEARCH("`found not`")', 'SEARCH(trace, "found")', "sample(insertId, 1)  missing",
    "traceSampled=1",
    "sample(jsonPayload.user.id, 0)", "sample(jsonPayload.nothing, 1)", 'ip_in_net(jsonPayload.address, "11.0.0.0/8")',
    'ip_in_net(jsonPayload.message, "10.0.0.0/8")', "jsonPayload.user=NULL_VALUE", "jsonPayload.nothing=NULL_VALUE",
    "jsonPayload.void:*", "jsonPayload.snakeCase=1", "jsonPayload.took>2s", 'jsonPayload.message=~"^not"',
    "traceSampled=false", "severity=(ERROR OR INFO)", 'trace=""',
]  # fmt: skip

WRONG = [
    ("severity=", 1, 10), ("=ERROR", 1, 1), ("(severity=ERROR", 1, 16), ("severity=ERROR)", 1, 15), ("a AND", 1, 6),
    ("a OR OR b", 1, 6), ("AND a", 1, 1), ('a="open', 1, 3), ("severity=LOUD", 1, 10), ("timestamp>noon", 1, 11),
    ('a=~"("', 1, 4), ("a\nAND b=", 2, 7), ("severity=(ERROR", 1, 16), ("a=()", 1, 4), ("NOT", 1, 4),
    ("jsonPayload.x>NULL_VALUE", 1, 15), ("SEARCH()", 1, 8), ('SEARCH("")', 1, 1), ('SEARCH("a", "b", "c")', 1, 1),
    ("sample(insertId)", 1, 1), ("sample(insertId, 2)", 1, 1), ("ip_in_net(a, nowhere)", 1, 1),
    ("cast(a, STRING)", 1, 1),
    ('a=~"(?=b)"', 1, 4), ('a=~"(b)\\\\1"', 1, 4), ('a!~"(?<!b)c"', 1, 4), ("a=~b**", 1, 4), ("log_id(a, b)", 1, 1),
    ("(" * 51 + "a" + ")" * 51, 1, 52), ('log_id("x"', 1, 11), ("a,b", 1, 2), ("''=~[", 1, 5),
]  # fmt: skip


@pytest.mark.parametrize("text", MATCHING)
def test_a_filter_that_matches(text: str) -> None:
    assert compile_filter(text).matches(ENTRY)


@pytest.mark.parametrize("text", OTHERS)
def test_a_filter_that_does_not_match(text: str) -> None:
    assert not compile_filter(text).matches(ENTRY)


@pytest.mark.parametrize(("text", "line", "column"), WRONG)
def test_a_filter_that_cannot_be_read_is_told_where(text: str, line: int, column: int) -> None:
    with pytest.raises(ApiError) as refusal:
        compile_filter(text)
    assert (refusal.value.code, refusal.value.status) == (400, "INVALID_ARGUMENT")
    assert refusal.value.message.startswith(f"Unparseable filter: syntax error at line {line}, column {column}: ")


PIECES = [
    "severity",
    "=",
    "!=",
    ":",
    "=~",
    ">=",
    "(",
    ")",
    "AND",
    "OR",
    "NOT",
    "-",
    '"',
    "\\",
    "a.b",
    "*",
    "\n",
    "42",
    ",",
    "SEARCH",
    "sample",
    "ip_in_net",
    "NULL_VALUE",
    "timestamp",
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=12).map(" ".join))
def test_whatever_is_written_it_is_understood_or_refused(text: str) -> None:
    try:
        compile_filter(text).matches(ENTRY)
    except ApiError as refusal:
        assert refusal.status == "INVALID_ARGUMENT"
