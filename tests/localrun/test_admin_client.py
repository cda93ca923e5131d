"""The Admin API through the unmodified google-cloud-run client."""

import pytest
from google.api_core import exceptions
from google.cloud import run_v2
from google.protobuf import field_mask_pb2

from tests.localrun.cloud import PLACE, Cloud, finished

LATEST = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
REVISION = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
READY = run_v2.Condition.State.CONDITION_SUCCEEDED


def service_message(image: str, revision: str = "", **env: str) -> run_v2.Service:
    variables = [run_v2.EnvVar(name=key, value=value) for key, value in env.items()]
    container = run_v2.Container(image=image, env=variables)
    return run_v2.Service(template=run_v2.RevisionTemplate(revision=revision, containers=[container]))


def test_a_service_lives_from_create_to_delete(cloud: Cloud, echo: str, name: str) -> None:
    services, revisions = cloud.services_client(), cloud.revisions_client()
    created = finished(services.create_service(parent=PLACE, service_id=name, service=service_message(echo)))
    assert (created.terminal_condition.state, created.generation, created.observed_generation) == (READY, 1, 1)
    assert [(status.type_, status.percent) for status in created.traffic_statuses] == [(LATEST, 100)]
    assert created.urls == [created.uri]
    assert cloud.http.get(created.uri).json()["revision"] == created.latest_ready_revision.rpartition("/")[2]
    assert services.get_service(name=created.name) == created
    assert created.name in [service.name for service in services.list_services(parent=PLACE)]
    assert created.name in [item.name for item in services.list_services(parent="projects/demo/locations/-")]
    (revision,) = revisions.list_revisions(parent=created.name)
    assert revisions.get_revision(name=revision.name) == revision
    assert (revision.service, revision.containers[0].image) == (name, echo)
    deleted = finished(services.delete_service(name=created.name))
    assert deleted.name == created.name
    with pytest.raises(exceptions.NotFound, match=f"Resource '{name}' of kind 'SERVICE' in region 'europe-west1'"):
        services.get_service(name=created.name)


def test_a_candidate_is_deployed_tested_and_promoted(cloud: Cloud, echo: str, name: str) -> None:
    services = cloud.services_client()
    first = finished(
        services.create_service(
            parent=PLACE, service_id=name, service=service_message(echo, f"{name}-one", VERSION="1")
        )
    )
    second = service_message(echo, f"{name}-two", VERSION="2")
    second.name = first.name
    second.traffic = [
        run_v2.TrafficTarget(type_=REVISION, revision=f"{name}-one", percent=100),
        run_v2.TrafficTarget(type_=REVISION, revision=f"{name}-two", tag="candidate"),
    ]
    candidate = finished(services.update_service(service=second))
    assert cloud.http.get(candidate.traffic_statuses[1].uri).json()["version"] == "2"
    assert cloud.http.get(candidate.uri).json()["version"] == "1"
    candidate.traffic = [run_v2.TrafficTarget(type_=REVISION, revision=f"{name}-two", percent=100)]
    promoted = finished(services.update_service(service=candidate))
    assert [(status.revision, status.percent) for status in promoted.traffic_statuses] == [(f"{name}-two", 100)]
    assert cloud.http.get(promoted.uri).json()["version"] == "2"
    assert len(cloud.revisions(name)) == 2
    assert (first.generation, candidate.generation, promoted.generation) == (1, 2, 3), "a change leaves its mark"


def test_what_was_read_can_be_written_back_and_changes_nothing(cloud: Cloud, echo: str, name: str) -> None:
    services = cloud.services_client()
    created = finished(services.create_service(parent=PLACE, service_id=name, service=service_message(echo)))
    again = finished(services.update_service(service=created))
    assert again.template == created.template
    assert again.traffic_statuses == created.traffic_statuses
    assert again.latest_created_revision == created.latest_created_revision


def test_an_update_mask_changes_only_what_it_names(cloud: Cloud, echo: str, name: str) -> None:
    services = cloud.services_client()
    message = service_message(echo)
    message.labels = {"team": "a"}
    created = finished(services.create_service(parent=PLACE, service_id=name, service=message))
    patch = run_v2.Service(name=created.name, annotations={"note": "b"}, labels={"team": "ignored"})
    mask = field_mask_pb2.FieldMask(paths=["annotations"])
    request = run_v2.UpdateServiceRequest(service=patch, update_mask=mask)
    changed = finished(services.update_service(request=request))
    assert (dict(changed.labels), dict(changed.annotations)) == ({"team": "a"}, {"note": "b"})
    assert changed.template == created.template


def test_a_write_prepared_on_an_older_state_is_aborted(cloud: Cloud, echo: str, name: str) -> None:
    services = cloud.services_client()
    old = finished(services.create_service(parent=PLACE, service_id=name, service=service_message(echo)))
    new = services.get_service(name=old.name)
    new.labels = {"by": "another"}
    finished(services.update_service(service=new))
    old.labels = {"by": "me"}
    with pytest.raises(exceptions.Conflict, match="Conflict for resource"):
        services.update_service(service=old)
    assert dict(services.get_service(name=old.name).labels) == {"by": "another"}


def test_a_failed_start_is_raised_by_the_operation(cloud: Cloud, echo: str, name: str) -> None:
    operation = cloud.services_client().create_service(
        parent=PLACE, service_id=name, service=service_message(echo, CRASH="1")
    )
    with pytest.raises(exceptions.FailedPrecondition, match="failed to start and listen on the port"):
        finished(operation)


def test_validating_only_changes_nothing(cloud: Cloud, echo: str, name: str) -> None:
    services = cloud.services_client()
    request = run_v2.CreateServiceRequest(
        parent=PLACE, service_id=name, service=service_message(echo), validate_only=True
    )
    assert finished(services.create_service(request=request)).name == f"{PLACE}/services/{name}"
    with pytest.raises(exceptions.NotFound):
        services.get_service(name=f"{PLACE}/services/{name}")
    assert name not in [entry["service"] for entry in cloud.get("/_local/audit")["entries"]]


def test_lists_come_in_pages(cloud: Cloud, echo: str, name: str) -> None:
    for version in ("a", "b", "c"):
        cloud.deploy(name, {"template": {"containers": [{"image": echo}], "revision": f"{name}-{version}"}})
    request = run_v2.ListRevisionsRequest(parent=f"{PLACE}/services/{name}", page_size=2)
    pages = list(cloud.revisions_client().list_revisions(request=request).pages)
    names = [[revision.name.rpartition("/")[2] for revision in page.revisions] for page in pages]
    assert names == [[f"{name}-c", f"{name}-b"], [f"{name}-a"]]
