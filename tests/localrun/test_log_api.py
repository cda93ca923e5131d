"""The Cloud Logging API: what the unmodified client and plain REST calls write, list, page through and delete."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.logging import Resource

from tests.localrun.cloud import Cloud, Document


@pytest.fixture
def log() -> str:
    """The id of a log that no other test uses."""
    return f"log-{uuid.uuid4().hex[:8]}"


def write(cloud: Cloud, log: str, *entries: Document, **more: Any) -> Any:
    return cloud.http.post(
        "/v2/entries:write", json={"logName": f"projects/demo/logs/{log}", "entries": entries, **more}
    )


def texts(cloud: Cloud, log: str, **more: Any) -> list[str]:
    return [entry["textPayload"] for entry in cloud.entries(f'log_id("{log}")', **more)]


@pytest.mark.parametrize("order", ["timestamp asc", "timestamp desc"])
def test_the_client_pages_through_what_a_filter_leaves(cloud: Cloud, log: str, order: str) -> None:
    logger = cloud.logging_client().logger(log)
    with logger.batch() as batch:
        for number in range(25):
            batch.log_struct({"number": number}, severity="ERROR" if number % 2 else "INFO")
    found = logger.list_entries(filter_="severity>=WARNING jsonPayload.number<20", order_by=order, page_size=3)
    assert sorted(entry.payload["number"] for entry in found) == [*range(1, 20, 2)]
    few = logger.list_entries(filter_="severity>=WARNING", order_by=order, page_size=3, max_results=5)
    assert [entry.payload["number"] for entry in few] == ([1, 3, 5, 7, 9] if "asc" in order else [23, 21, 19, 17, 15])


def test_the_client_reads_back_all_that_it_wrote(cloud: Cloud, log: str) -> None:
    logger = cloud.logging_client().logger(log)
    written = {
        "severity": "CRITICAL", "labels": {"a": "b"}, "insert_id": "mine", "trace": "projects/demo/traces/1",
        "span_id": "00f067aa0ba902b7", "trace_sampled": True,
        "http_request": {"requestMethod": "GET", "requestUrl": "http://x/", "status": 503},
        "source_location": {"file": "a.py", "line": 7, "function": "f"},
        "resource": Resource("cloud_run_job", {"job_name": "nightly"}),
        "timestamp": datetime.now(UTC) - timedelta(minutes=5),
    }  # fmt: skip
    logger.log_struct({"message": "all of it"}, **written)
    (entry,) = logger.list_entries(filter_="resource.labels.job_name=nightly severity=CRITICAL")
    assert entry.payload == {"message": "all of it"}
    assert {key: getattr(entry, key) for key in written} == written


def test_the_client_deletes_a_log(cloud: Cloud, log: str) -> None:
    logger = cloud.logging_client().logger(log)
    logger.log_text("one")
    write(cloud, f"{log}-other", {"textPayload": "stays"})
    logger.delete()
    assert list(logger.list_entries()) == []
    assert texts(cloud, f"{log}-other") == ["stays"]
    with pytest.raises(exceptions.NotFound, match=f"Log {log} does not exist"):
        logger.delete()


def test_the_logs_of_a_project_are_named(cloud: Cloud, log: str) -> None:
    project = f"project-{log}"
    names = [f"projects/{project}/logs/{part}" for part in ("Upper", "a%2Fb", "z")]
    for name in reversed(names):
        body = {"logName": name, "entries": [{"textPayload": "x"}]}
        assert cloud.http.post("/v2/entries:write", json=body).json() == {}
    assert cloud.get(f"/v2/projects/{project}/logs") == {"logNames": names}
    first = cloud.get(f"/v2/projects/{project}/logs?pageSize=2")
    assert first["logNames"] == names[:2]
    rest = cloud.http.get(f"/v2/projects/{project}/logs", params={"pageToken": first["nextPageToken"]}).json()
    assert rest == {"logNames": names[2:]}
    assert cloud.http.delete(f"/v2/{names[1]}").json() == {}
    assert cloud.get(f"/v2/projects/{project}/logs") == {"logNames": [names[0], names[2]]}
    assert cloud.get("/v2/projects/nobody/logs") == {"logNames": []}


def test_a_dry_run_keeps_nothing_but_sees_what_is_wrong(cloud: Cloud, log: str) -> None:
    assert write(cloud, log, {"textPayload": "x"}, dryRun=True).json() == {}
    assert write(cloud, log, {"colour": "x"}, dryRun=True).status_code == 400
    assert texts(cloud, log) == []


def test_one_wrong_entry_keeps_the_others_out_unless_a_part_is_enough(cloud: Cloud, log: str) -> None:
    entries = [{"textPayload": "first"}, {"timestamp": "noon"}, {"textPayload": "last"}]
    for partial, kept in ((False, []), (True, ["first", "last"])):
        answer = write(cloud, log, *entries, partialSuccess=partial)
        assert answer.status_code == 400
        assert "entries[1].timestamp: 'noon' is no RFC 3339 time" in answer.json()["error"]["message"]
        assert texts(cloud, log) == kept


def test_an_entry_that_is_written_twice_is_listed_once(cloud: Cloud, log: str) -> None:
    entry = {"textPayload": "x", "insertId": "1", "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    for _ in range(2):
        write(cloud, log, entry, entry | {"insertId": "2"})
    assert [found["insertId"] for found in cloud.entries(f'log_id("{log}")')] == ["1", "2"]


def test_times_are_given_back_in_utc(cloud: Cloud, log: str) -> None:
    moment = datetime.now(UTC).replace(microsecond=0)
    offset = (moment + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.123456789+02:00")
    write(cloud, log, {"textPayload": "x", "timestamp": offset})
    (entry,) = cloud.entries(f'log_id("{log}")')
    assert entry["timestamp"] == moment.strftime("%Y-%m-%dT%H:%M:%S.123456789Z")


def test_projects_may_be_named_in_the_old_way(cloud: Cloud, log: str) -> None:
    write(cloud, log, {"textPayload": "x"})
    assert texts(cloud, log, resourceNames=[], projectIds=["demo"]) == ["x"]
    assert texts(cloud, log, resourceNames=["projects/other", "projects/demo/locations/l/buckets/b/views/v"]) == ["x"]


def test_no_more_than_a_hundred_projects_are_listed_at_once(cloud: Cloud) -> None:
    body = {"resourceNames": [f"projects/p{number}" for number in range(101)]}
    answer = cloud.http.post("/v2/entries:list", json=body)
    assert answer.status_code == 400
    assert "resourceNames: must be at most 100" in answer.json()["error"]["message"]
