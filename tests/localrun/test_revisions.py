"""Revisions: how they come into being, when they are ready, and what happens when they are not."""

from typing import Any

import pytest

from tests.localrun.cloud import PLACE, Cloud, service_body, to_latest, to_revision, until

QUICK_TCP = {"tcpSocket": {}, "timeoutSeconds": 1, "periodSeconds": 1, "failureThreshold": 1}
FAILED_TO_LISTEN = (
    "Revision '{}' is not ready and cannot serve traffic. The user-provided container failed to start and listen on "
    "the port defined provided by the PORT=8080 environment variable within the allocated timeout. This can happen "
    "when the container port is misconfigured or if the timeout is too short. The health check timeout can be "
    "extended. Logs for this revision might contain more information."
)
FAILED_PROBE = (
    "Revision '{}' is not ready and cannot serve traffic. The user-provided container failed the configured startup "
    "probe checks. Logs for this revision might contain more information."
)


def with_probe(body: dict[str, Any], probe: dict[str, Any]) -> dict[str, Any]:
    body["template"]["containers"][0]["startupProbe"] = probe
    return body


def ready_condition(document: dict[str, Any]) -> dict[str, Any]:
    conditions = [document.get("terminalCondition", {}), *document["conditions"]]
    return next(item for item in conditions if item.get("type") == "Ready")


def test_a_revision_without_a_chosen_name_is_numbered_by_its_generation(cloud: Cloud, echo: str, name: str) -> None:
    first = cloud.deploy(name, service_body(echo, env={"VERSION": "1"}))
    second = cloud.deploy(name, service_body(echo, env={"VERSION": "2"}))
    assert first["latestReadyRevision"].startswith(f"{PLACE}/services/{name}/revisions/{name}-00001-")
    assert second["latestReadyRevision"].startswith(f"{PLACE}/services/{name}/revisions/{name}-00002-")


def test_the_same_name_with_the_same_template_makes_no_new_revision(cloud: Cloud, echo: str, name: str) -> None:
    body = service_body(echo, revision=f"{name}-mine")
    cloud.deploy(name, body)
    again = cloud.deploy(name, body)
    assert again["generation"] == "2"
    assert [item["name"].rpartition("/")[2] for item in cloud.revisions(name)] == [f"{name}-mine"]
    assert [entry["revision"] for entry in cloud.get("/_local/audit")["entries"] if entry["service"] == name] == [
        f"{name}-mine",
        None,
    ]


def test_the_same_name_with_another_template_is_refused_and_changes_nothing(cloud: Cloud, echo: str, name: str) -> None:
    before = cloud.deploy(name, service_body(echo, revision=f"{name}-mine"))
    answer = cloud.patch(name, service_body(echo, revision=f"{name}-mine", env={"VERSION": "2"}))
    assert answer.status_code == 409
    assert answer.json()["error"] == {
        "code": 409,
        "message": f"Revision named '{name}-mine' with different configuration already exists.",
        "status": "ALREADY_EXISTS",
    }
    assert cloud.service(name) == before


@pytest.mark.parametrize("change", [{"labels": {"team": "a"}}, {"traffic": [to_latest(100, "stable")]}], ids=str)
def test_a_change_outside_the_template_makes_no_new_revision(
    cloud: Cloud, echo: str, name: str, change: dict[str, Any]
) -> None:
    cloud.deploy(name, service_body(echo))
    cloud.deploy(name, service_body(echo) | change)
    assert len(cloud.revisions(name)) == 1


def test_a_revision_pins_its_image_by_digest(cloud: Cloud, echo: str, name: str) -> None:
    cloud.deploy(name, service_body("local/echo"))
    (revision,) = cloud.revisions(name)
    assert revision["containers"][0]["image"] == echo


def test_a_new_service_with_explicit_traffic_is_routed(cloud: Cloud, echo: str, name: str) -> None:
    body = service_body(echo, revision=f"{name}-one") | {"traffic": [to_revision(f"{name}-one", 100, "first")]}
    service = cloud.deploy(name, body)
    assert cloud.http.get(service["uri"]).json()["revision"] == f"{name}-one"
    assert cloud.http.get(service["trafficStatuses"][0]["uri"]).json()["revision"] == f"{name}-one"


def test_a_candidate_gets_no_traffic_but_an_address_of_its_own(cloud: Cloud, echo: str, name: str) -> None:
    cloud.deploy(name, service_body(echo, revision=f"{name}-one"))
    traffic = [to_revision(f"{name}-one", 100), to_revision(f"{name}-two", 0, "candidate")]
    service = cloud.deploy(name, service_body(echo, revision=f"{name}-two") | {"traffic": traffic})
    assert {cloud.http.get(service["uri"]).json()["revision"] for _ in range(20)} == {f"{name}-one"}
    assert cloud.http.get(service["trafficStatuses"][1]["uri"]).json()["revision"] == f"{name}-two"
    assert service["latestReadyRevision"].endswith(f"{name}-two")


@pytest.mark.parametrize(
    ("env", "probe", "message"),
    [
        pytest.param({"CRASH": "3"}, None, FAILED_TO_LISTEN, id="exits early"),
        pytest.param({"DEAF": "1"}, QUICK_TCP, FAILED_TO_LISTEN, id="listens nowhere"),
        pytest.param({"FIXED_PORT": "1"}, QUICK_TCP, FAILED_TO_LISTEN, id="ignores PORT"),
        pytest.param(
            {}, QUICK_TCP | {"httpGet": {"path": "/status?code=500"}}, FAILED_PROBE, id="answers its probe with 500"
        ),
    ],
)
def test_a_revision_that_does_not_start_fails_and_the_old_one_keeps_serving(
    cloud: Cloud, echo: str, name: str, env: dict[str, str], probe: dict[str, Any] | None, message: str
) -> None:
    before = cloud.deploy(name, service_body(echo, revision=f"{name}-good"))
    bad = service_body(echo, revision=f"{name}-bad", env=env)
    operation = cloud.finish(cloud.patch(name, with_probe(bad, probe) if probe else bad))
    assert operation["error"] == {"code": 9, "message": message.format(f"{name}-bad")}
    service = cloud.service(name)
    assert ready_condition(service)["state"] == "CONDITION_FAILED"
    assert ready_condition(service)["message"] == message.format(f"{name}-bad")
    assert service["trafficStatuses"] == before["trafficStatuses"]
    assert service["latestReadyRevision"].endswith(f"{name}-good")
    assert service["latestCreatedRevision"].endswith(f"{name}-bad")
    assert cloud.http.get(service["uri"]).json()["revision"] == f"{name}-good"
    newest = cloud.revisions(name)[0]
    assert ready_condition(newest)["state"] == "CONDITION_FAILED"
    assert ready_condition(newest)["revisionReason"] == "HEALTH_CHECK_CONTAINER_ERROR"
    assert cloud.instances(name)[f"{name}-bad"] == []


def test_a_container_that_ends_while_it_starts_is_a_warning_and_its_start_the_error(
    cloud: Cloud, echo: str, name: str
) -> None:
    cloud.finish(cloud.create(name, service_body(echo, env={"CRASH": "3"})))
    told = cloud.entries(f'resource.labels.service_name="{name}" AND log_id("run.googleapis.com/varlog/system")')
    assert [(entry["severity"], entry["textPayload"]) for entry in told[-2:]] == [
        ("WARNING", "Container called exit(3)."),
        ("ERROR", "STARTUP TCP probe failed. The instance was not started."),
    ]


def test_after_a_failed_revision_the_traffic_can_still_be_moved(cloud: Cloud, echo: str, name: str) -> None:
    cloud.deploy(name, service_body(echo, revision=f"{name}-good"))
    bad = service_body(echo, revision=f"{name}-bad", env={"CRASH": "1"})
    cloud.finish(cloud.patch(name, bad))
    service = cloud.deploy(name, {"traffic": [to_revision(f"{name}-good", 100, "proven")]}, updateMask="traffic")
    assert service["trafficStatuses"][0]["tag"] == "proven"
    assert ready_condition(service)["state"] == "CONDITION_FAILED"


def test_an_unknown_image_fails_the_operation(cloud: Cloud, name: str) -> None:
    operation = cloud.finish(cloud.create(name, service_body("local/nowhere", revision=f"{name}-one")))
    message = f"Revision '{name}-one' is not ready and cannot serve traffic. Image 'local/nowhere' not found."
    assert operation["error"] == {"code": 5, "message": message}
    assert ready_condition(cloud.revisions(name)[0])["reason"] == "CONTAINER_MISSING"


@pytest.mark.parametrize(
    "probe",
    [
        pytest.param({"tcpSocket": {}, "timeoutSeconds": 5}, id="tcp"),
        pytest.param({"httpGet": {"path": "/"}, "timeoutSeconds": 5}, id="http"),
        pytest.param({"initialDelaySeconds": 1, "httpGet": {"path": "/"}, "failureThreshold": 2}, id="with a delay"),
    ],
)
def test_a_slow_start_within_the_probes_deadline_succeeds(
    cloud: Cloud, echo: str, name: str, probe: dict[str, Any]
) -> None:
    service = cloud.deploy(name, with_probe(service_body(echo, env={"START_SECONDS": "0.5"}), probe))
    assert ready_condition(service)["state"] == "CONDITION_SUCCEEDED"


def test_an_operation_is_not_done_before_the_revision_is(cloud: Cloud, echo: str, name: str) -> None:
    answer = cloud.create(name, service_body(echo, env={"START_SECONDS": "0.5"}))
    assert answer.json()["done"] is False
    assert answer.json()["metadata"]["reconciling"] is True
    assert ready_condition(cloud.service(name))["state"] == "CONDITION_RECONCILING"
    assert cloud.service(name)["trafficStatuses"] == []
    assert cloud.finish(answer)["response"]["reconciling"] is False


def test_a_rollback_does_not_wait_for_a_revision_that_is_still_starting(cloud: Cloud, echo: str, name: str) -> None:
    cloud.deploy(name, service_body(echo, revision=f"{name}-good"))
    slow = cloud.patch(name, service_body(echo, revision=f"{name}-slow", env={"DEAF": "1"}))
    service = cloud.deploy(name, {"traffic": [to_revision(f"{name}-good", 100, "back")]}, updateMask="traffic")
    assert [status["revision"] for status in service["trafficStatuses"]] == [f"{name}-good"]
    assert cloud.get(f"/v2/{slow.json()['name']}")["done"] is False


def test_only_a_revision_without_traffic_and_tag_can_be_deleted(cloud: Cloud, echo: str, name: str) -> None:
    for version in ("one", "two", "three"):
        cloud.deploy(name, service_body(echo, revision=f"{name}-{version}", env={"VERSION": version}))
    traffic = [to_revision(f"{name}-three", 100), to_revision(f"{name}-two", 0, "old")]
    cloud.deploy(name, {"traffic": traffic}, updateMask="traffic")
    answers = {
        version: cloud.http.delete(f"/v2/{PLACE}/services/{name}/revisions/{name}-{version}")
        for version in ("one", "two", "three")
    }
    assert {version: answer.status_code for version, answer in answers.items()} == {
        "one": 200,
        "two": 400,
        "three": 400,
    }
    assert answers["two"].json()["error"]["status"] == "FAILED_PRECONDITION"
    assert [item["name"].rpartition("/")[2] for item in cloud.revisions(name)] == [f"{name}-three", f"{name}-two"]


def test_a_revision_that_loses_its_traffic_is_stopped_and_started_again_when_it_regains_it(
    cloud: Cloud, echo: str, name: str
) -> None:
    cloud.deploy(name, service_body(echo, revision=f"{name}-one"))
    cloud.deploy(name, service_body(echo, revision=f"{name}-two", env={"VERSION": "2"}))
    until(lambda: cloud.instances(name)[f"{name}-one"] == [], "the old revision has no instance")
    service = cloud.deploy(name, {"traffic": [to_revision(f"{name}-one", 100)]}, updateMask="traffic")
    assert len(cloud.instances(name)[f"{name}-one"]) == 1
    assert cloud.http.get(service["uri"]).json()["revision"] == f"{name}-one"
    until(lambda: cloud.instances(name)[f"{name}-two"] == [], "the other one has none")
