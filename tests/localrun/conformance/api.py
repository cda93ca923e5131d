"""The areas of Knative's conformance tests of the API, v1."""

import re

from tests.localrun.cloud import service_body, to_revision
from tests.localrun.conformance.world import SPACE, Case, World

SPEC = "Knative Serving API specification"
RUN = "Cloud Run Admin API v1 reference"


def blue_green(world: World) -> None:
    world.deploy(revision=f"{world.name}-blue")
    traffic = [to_revision(f"{world.name}-blue", 50, "blue"), to_revision(f"{world.name}-green", 50, "green")]
    body = service_body(world.image, revision=f"{world.name}-green") | {"traffic": traffic}
    made = world.cloud.deploy(world.name, body)
    for status, colour in zip(made["trafficStatuses"], ("blue", "green"), strict=True):
        assert world.cloud.http.get(status["uri"]).json()["revision"] == f"{world.name}-{colour}"
    seen = {world.cloud.http.get(made["uri"]).json()["revision"] for _ in range(60)}
    assert seen == {f"{world.name}-blue", f"{world.name}-green"}


def configuration(world: World) -> None:
    world.deploy(revision=f"{world.name}-one")
    found = world.knative("configurations")
    assert found["status"]["latestCreatedRevisionName"] == found["status"]["latestReadyRevisionName"]
    assert found["status"]["conditions"][0]["status"] == "True"


def error_condition(world: World) -> None:
    body = service_body("local/nobody")
    world.cloud.finish(world.cloud.create(world.name, body))
    conditions = {one["type"]: one for one in world.knative()["status"]["conditions"]}
    assert (conditions["Ready"]["status"], conditions["ConfigurationsReady"]["status"]) == ("False", "False")
    assert "Image 'local/nobody' not found." in conditions["Ready"]["message"]


def generate_name(world: World) -> None:
    world.deploy()
    name = world.knative()["status"]["latestCreatedRevisionName"]
    assert re.fullmatch(rf"{world.name}-00001-[a-z0-9]{{3}}", name)


def migration(world: World) -> None:
    world.deploy(revision=f"{world.name}-one")
    exported = world.knative()
    exported["metadata"] = {"name": world.name}
    del exported["status"]
    world.cloud.delete(world.name)
    assert world.v1.post(f"{SPACE}/services", json=exported).status_code == 200
    assert world.knative("revisions", f"{world.name}-one")["metadata"]["name"] == f"{world.name}-one"


def resources(world: World) -> None:
    world.deploy(container={"resources": {"limits": {"cpu": "2", "memory": "1Gi"}}})
    container = world.knative()["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["limits"] == {"cpu": "2", "memory": "1Gi"}


def revision(world: World) -> None:
    world.deploy(revision=f"{world.name}-one")
    changed = world.cloud.patch(world.name, service_body(world.image, revision=f"{world.name}-one", env={"A": "1"}))
    assert (changed.status_code, changed.json()["error"]["status"]) == (409, "ALREADY_EXISTS")
    assert "@sha256:" in world.knative("revisions", f"{world.name}-one")["status"]["imageDigest"]


def revision_timeout(world: World) -> None:
    uri = world.deploy(timeout="1s")
    assert world.cloud.http.get(f"{uri}/slow", params={"seconds": 5}).status_code == 504


def route(world: World) -> None:
    world.deploy(revision=f"{world.name}-one")
    status = world.knative("routes")["status"]
    assert [one["percent"] for one in status["traffic"]] == [100]
    assert world.cloud.http.get(status["url"]).json()["revision"] == f"{world.name}-one"


def service(world: World) -> None:
    world.deploy()
    found = world.knative()
    assert found["metadata"]["generation"] == found["status"]["observedGeneration"] == 1
    assert {one["type"] for one in found["status"]["conditions"]} == {"Ready", "ConfigurationsReady", "RoutesReady"}
    assert found["status"]["address"]["url"] == found["status"]["url"]


def service_account(world: World) -> None:
    world.deploy(serviceAccount="runner@demo.example")
    assert world.knative()["spec"]["template"]["spec"]["serviceAccountName"] == "runner@demo.example"


def service_validation(world: World) -> None:
    wrong = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "Wrong_Name"}}
    answer = world.v1.post(f"{SPACE}/services", json=wrong)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def single_threaded(world: World) -> None:
    world.deploy(maxInstanceRequestConcurrency=1)
    assert world.knative()["spec"]["template"]["spec"]["containerConcurrency"] == 1


def volumes(world: World) -> None:
    assert "volumes: the embedded Cloud Run does not support this field" in world.refusal(volumes=[{"name": "v"}])


CASES = [
    Case("blue_green", "traffic is split between named revisions, each also behind its tag", SPEC, blue_green),
    Case("configuration", "a configuration names its latest created and latest ready revision", SPEC, configuration),
    Case("errorcondition", "an image that cannot be had makes Ready false, with the reason", SPEC, error_condition),
    Case("generatename", "a revision without a name is given one that tells its generation", RUN, generate_name),
    Case("migration", "what was exported can be created again, with its revision's name", SPEC, migration),
    Case("resources", "limits of a container are kept as they were given", SPEC, resources),
    Case("revision", "a revision never changes, and its image is pinned by digest", SPEC, revision),
    Case("revision_timeout", "a request that takes longer than timeoutSeconds is answered 504", SPEC, revision_timeout),
    Case("route", "a route tells the traffic in effect and an address that answers", SPEC, route),
    Case("service", "a service tells its generation, its three conditions and its address", SPEC, service),
    Case("service_account", "the service account is kept", RUN, service_account),
    Case("service_validation", "a wrong name is refused as an invalid argument", SPEC, service_validation),
    Case("single_threaded", "containerConcurrency 1 is kept (and held: tests of scaling)", SPEC, single_threaded),
    Case(
        "volumes",
        "volumes are mounted",
        SPEC,
        volumes,
        "sidecars, volumes, secrets, VPC, Cloud SQL, readiness and gRPC probes are refused",
    ),
]
