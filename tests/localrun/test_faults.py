"""Faults on demand: what a client meets when Cloud Run has a bad day, and that it is over when it was used up."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google.api_core import exceptions
from google.auth.exceptions import InvalidOperation

from tests.localrun.cloud import PLACE, Cloud, finished, service_body, to_revision, until

KINDS = (
    "unavailable, too-many-requests, conflict, expired-token, dropped-answer, stale-reads, foreign-writer, "
    "slow-operation, stuck-operation, late-ready, never-ready, pinned-traffic, stale-instance, late-logs"
)


@pytest.fixture(autouse=True)
def no_fault_is_left(cloud: Cloud) -> Iterator[None]:
    yield
    cloud.http.delete("/_local/faults", headers=cloud.token)


def arm(cloud: Cloud, kind: str, service: str, **more: Any) -> None:
    answer = cloud.http.post("/_local/faults", json={"kind": kind, "service": service, **more}, headers=cloud.token)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("unavailable", exceptions.ServiceUnavailable),
        ("too-many-requests", exceptions.TooManyRequests),
        ("expired-token", InvalidOperation),  # the client asks its credentials for another, and these have none
    ],
)
def test_calls_are_refused_as_often_as_was_said(
    cloud: Cloud, echo: str, name: str, kind: str, error: type[Exception]
) -> None:
    cloud.deploy(name, service_body(echo))
    client, path = cloud.services_client(), f"{PLACE}/services/{name}"
    arm(cloud, kind, name, times=2)
    for _ in range(2):
        with pytest.raises(error):
            client.get_service(name=path, retry=None)
    assert client.get_service(name=path, retry=None).name == path


def test_a_conflict_is_met_by_a_write_and_not_by_a_read(cloud: Cloud, echo: str, name: str) -> None:
    cloud.deploy(name, service_body(echo))
    arm(cloud, "conflict", name)
    assert cloud.service(name)["generation"] == "1"
    answer = cloud.patch(name, service_body(echo, env={"A": "1"}))
    assert (answer.status_code, answer.json()["error"]["status"]) == (409, "ABORTED")
    assert cloud.service(name)["generation"] == "1"


def test_a_change_whose_answer_is_dropped_has_happened(cloud: Cloud, echo: str, name: str) -> None:
    arm(cloud, "dropped-answer", name)
    with pytest.raises(httpx.RemoteProtocolError):
        cloud.create(name, service_body(echo))
    assert cloud.service(name)["generation"] == "1"


def test_a_fault_of_one_service_is_not_met_by_another(cloud: Cloud, echo: str, name: str) -> None:
    arm(cloud, "unavailable", "somebody-else")
    assert cloud.deploy(name, service_body(echo))["generation"] == "1"


def test_a_read_that_lags_behind_shows_what_was_there_before(cloud: Cloud, echo: str, name: str) -> None:
    cloud.deploy(name, service_body(echo))
    arm(cloud, "stale-reads", name, delay="3600s")
    assert cloud.service(name)["generation"] == "1"
    finished(cloud.services_client().update_service(service=_renamed(cloud, name)))
    assert cloud.service(name)["generation"] == "1"
    cloud.http.delete("/_local/faults", headers=cloud.token)
    assert cloud.service(name)["generation"] == "2"


@pytest.mark.parametrize("kind", ["slow-operation", "stuck-operation"])
def test_an_operation_hangs_until_it_is_cleared_though_its_change_is_in_effect(
    cloud: Cloud, echo: str, name: str, kind: str
) -> None:
    arm(cloud, kind, name, delay="3600s")
    operation = cloud.create(name, service_body(echo, revision=f"{name}-one")).json()["name"]
    until(lambda: cloud.service(name)["terminalCondition"]["state"] == "CONDITION_SUCCEEDED", "the service is ready")
    assert not cloud.get(f"/v2/{operation}")["done"]
    cloud.http.delete("/_local/faults", headers=cloud.token)
    until(lambda: cloud.get(f"/v2/{operation}")["done"], "the operation is done")


def test_a_revision_is_late_to_be_ready(cloud: Cloud, echo: str, name: str) -> None:
    arm(cloud, "late-ready", name, delay="0.4s")
    operation = cloud.create(name, service_body(echo)).json()
    until(lambda: [one for found in cloud.instances(name).values() for one in found], "its instance runs")
    assert cloud.revisions(name)[0]["reconciling"]
    done = until(lambda: (now := cloud.get(f"/v2/{operation['name']}"))["done"] and now, "it is ready after all")
    assert "error" not in done


def test_a_revision_is_never_ready_and_the_old_one_goes_on(cloud: Cloud, echo: str, name: str) -> None:
    cloud.deploy(name, service_body(echo, revision=f"{name}-one"))
    arm(cloud, "never-ready", name)
    failed = cloud.finish(cloud.patch(name, service_body(echo, revision=f"{name}-two")))
    assert "is not ready and cannot serve traffic" in failed["error"]["message"]
    assert cloud.http.get(cloud.service(name)["uri"]).json()["revision"] == f"{name}-one"


def test_somebody_else_deploys_just_before_a_write(cloud: Cloud, echo: str, name: str) -> None:
    made = cloud.deploy(name, service_body(echo, revision=f"{name}-one"))
    arm(cloud, "foreign-writer", name)
    answer = cloud.patch(name, service_body(echo, env={"A": "1"}) | {"etag": made["etag"]})
    assert (answer.status_code, answer.json()["error"]["status"]) == (409, "ABORTED")
    assert "foreign-writer" in cloud.service(name)["template"]["labels"]
    assert len(cloud.revisions(name)) == 2


def test_traffic_is_pinned_so_that_the_next_plain_deploy_gets_none(cloud: Cloud, echo: str, name: str) -> None:
    cloud.deploy(name, service_body(echo, revision=f"{name}-one"))
    arm(cloud, "pinned-traffic", name)
    service = cloud.deploy(name, service_body(echo, revision=f"{name}-two"), updateMask="template")
    assert service["latestReadyRevision"].endswith(f"{name}-two")
    assert cloud.http.get(service["uri"]).json()["revision"] == f"{name}-one"


def test_an_instance_of_the_revision_before_still_answers_after_a_shift(cloud: Cloud, echo: str, name: str) -> None:
    old, new = f"{name}-one", f"{name}-two"
    cloud.deploy(name, service_body(echo, revision=old))
    arm(cloud, "stale-instance", name, delay="3600s")
    tagged = service_body(echo, revision=new) | {"traffic": [to_revision(old, 100), to_revision(new, 0, "new")]}
    service = cloud.deploy(name, tagged)
    assert _answers(cloud, service["uri"]) == {old: 4}, "no traffic was shifted yet"

    service = cloud.deploy(name, {"traffic": [to_revision(new, 100, "new")]}, updateMask="traffic")
    assert _answers(cloud, service["uri"]) == {old: 2, new: 2}
    assert _answers(cloud, service["trafficStatuses"][0]["uri"]) == {new: 4}, "a tag leads where it leads"
    cloud.http.delete("/_local/faults", headers=cloud.token)
    assert _answers(cloud, service["uri"]) == {new: 4}


def test_log_entries_come_late(cloud: Cloud, echo: str, name: str) -> None:
    arm(cloud, "late-logs", name, delay="0.3s")
    uri = cloud.deploy(name, service_body(echo))["uri"]
    query = f'resource.labels.service_name="{name}" log_id("run.googleapis.com/requests")'
    assert cloud.http.get(uri).status_code == 200
    assert cloud.entries(query) == []
    until(lambda: cloud.entries(query), "the entry of the request comes")


def _answers(cloud: Cloud, url: str) -> Counter[str]:
    """Which revisions answer four requests."""
    return Counter(cloud.http.get(url).json()["revision"] for _ in range(4))


def _renamed(cloud: Cloud, name: str) -> Any:
    service = cloud.services_client().get_service(name=f"{PLACE}/services/{name}")
    service.description = "changed"
    return service


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"kind": "rain"}, f"kind: 'rain' is no fault; known are {KINDS}"),
        ({"kind": "late-logs", "delay": "soon"}, "delay: 'soon' is not a duration such as '300s'"),
        ({"kind": "late-logs", "delay": "4000s"}, "delay: must be at most 3600 seconds"),
        ({"kind": "unavailable", "times": 0}, "times: must be between 1 and 1000000"),
    ],
    ids=["an unknown kind", "no duration", "too long", "never"],
)
def test_a_wrong_fault_is_refused(cloud: Cloud, body: dict[str, Any], problem: str) -> None:
    answer = cloud.http.post("/_local/faults", json=body, headers=cloud.token)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, problem)


def test_what_is_armed_is_listed(cloud: Cloud) -> None:
    arm(cloud, "unavailable", "somebody-else", times=3)
    expected = {"kind": "unavailable", "service": "somebody-else", "delay": 5.0, "left": 3}
    assert cloud.get("/_local/faults")["faults"] == [expected]


def test_only_who_has_the_token_may_arm_one(cloud: Cloud) -> None:
    assert cloud.http.post("/_local/faults", json={"kind": "unavailable"}).status_code == 403
