"""The areas of Knative's conformance tests of the API, v1."""

import re
from concurrent.futures import ThreadPoolExecutor

from tests.localrun.cloud import Document, to_revision, until
from tests.localrun.conformance.case import CONTRACT, DOCS, SPEC, case
from tests.localrun.conformance.deviations import REFUSED
from tests.localrun.conformance.world import SPACE, World, instances_of


@case("blue_green", f"{SPEC}: Request Routing")
def blue_green(world: World) -> None:
    """Requests must be shared by the weights of a route, and a tag has an address of its own."""
    world.deploy(revision=f"{world.name}-blue")
    traffic = [to_revision(f"{world.name}-blue", 50, "blue"), to_revision(f"{world.name}-green", 50, "green")]
    made = world.cloud.deploy(world.name, world.body(revision=f"{world.name}-green") | {"traffic": traffic})
    for status, colour in zip(made["trafficStatuses"], ("blue", "green"), strict=True):
        assert world.cloud.http.get(status["uri"]).json()["revision"] == f"{world.name}-{colour}"
    seen = {world.cloud.http.get(made["uri"]).json()["revision"] for _ in range(60)}
    assert seen == {f"{world.name}-blue", f"{world.name}-green"}


@case("blue_green", f"{SPEC}: TrafficTarget")
def percent_sum(world: World) -> None:
    """The percentages of a service's traffic must sum to 100."""
    body = world.v1_body()
    body["spec"]["traffic"] = [{"latestRevision": True, "percent": 99}]
    assert world.v1_refused(body) == "traffic: percentages must sum to 100, not 99"


def owner(document: Document) -> tuple[str, str, bool]:
    """Kind, uid and control of what a document says it belongs to."""
    [reference] = document["metadata"]["ownerReferences"]
    return reference["kind"], reference["uid"], reference["controller"]


@case("configuration", f"{SPEC}: Resource Lifecycle")
def configuration(world: World) -> None:
    """A configuration must report its latest created and latest ready revision."""
    found = world.knative("configurations")
    assert found["status"]["latestCreatedRevisionName"] == found["status"]["latestReadyRevisionName"] == "plain-one"
    assert [(one["type"], one["status"]) for one in found["status"]["conditions"]] == [("Ready", "True")]


@case("configuration", f"{SPEC}: Ownership")
def owned_halves(world: World) -> None:
    """A service must own a configuration and a route of its name, which say so."""
    service = ("Service", world.knative()["metadata"]["uid"], True)
    for kind in ("configurations", "routes"):
        found = world.knative(kind)
        assert owner(found) == service
        assert found["metadata"]["labels"]["serving.knative.dev/service"] == "plain"


@case("errorcondition", f"{SPEC}: Error Signalling")
def image_missing(world: World) -> None:
    """An image that cannot be had must make Ready false, with a reason."""
    world.create({"image": "local/nobody"})
    conditions = {one["type"]: one for one in world.knative(name=world.name)["status"]["conditions"]}
    assert conditions["ConfigurationsReady"]["status"] == "False"
    ready = conditions["Ready"]
    assert (ready["status"], ready["reason"]) == ("False", "ContainerMissing")
    assert "Image 'local/nobody' not found." in ready["message"]


@case("errorcondition", f"{CONTRACT}: Lifecycle")
def container_fails(world: World) -> None:
    """A container that fails must make Ready false, and its end must be logged."""
    world.create({"env": [{"name": "CRASH", "value": "3"}]})
    ready = world.knative(name=world.name)["status"]["conditions"][0]
    assert (ready["status"], ready["reason"]) == ("False", "HealthCheckContainerError")
    exits = world.cloud.entries(f'resource.labels.service_name="{world.name}" "Container called exit(3)."')
    assert [entry["severity"] for entry in exits] == ["WARNING"]


@case("generatename", f"{SPEC}: Configuration")
def generated_name(world: World) -> None:
    """A revision without a name must be given one."""
    world.create({})
    name = world.knative(name=world.name)["status"]["latestReadyRevisionName"]
    assert re.fullmatch(rf"{world.name}-00001-[a-z0-9]{{3}}", name)


@case("generatename", f"{DOCS}: Admin API v1, ObjectMeta")
def no_generate_name(world: World) -> None:
    """The names of services are chosen by their users only, generateName is not supported."""
    body = world.v1_body() | {"metadata": {"generateName": world.name}}
    assert world.v1.post(f"{SPACE}/services", json=body).status_code == 400


@case("migration", f"{SPEC}: Service")
def both_versions(world: World) -> None:
    """A service is the same in every version of the API."""
    v1, v2 = world.knative()["spec"]["template"]["spec"], world.cloud.service("plain")["template"]
    assert v1["containerConcurrency"] == v2["maxInstanceRequestConcurrency"]
    assert f"{v1['timeoutSeconds']}s" == v2["timeout"]
    for key in ("image", "ports", "startupProbe"):
        assert v1["containers"][0][key] == v2["containers"][0][key]


@case("migration", f"{SPEC}: Detailed Resources")
def older_form(world: World) -> None:
    """What an older version of the API wrote is not taken for this one."""
    old: Document = {"runLatest": {"configuration": {}}}
    assert 'Unknown name "runLatest"' in world.v1_refused(world.v1_body() | {"spec": old})
    assert "apiVersion" in world.v1_refused(world.v1_body() | {"apiVersion": "serving.knative.dev/v1alpha1"})


@case("migration", f"{DOCS}: Managing services, YAML")
def exported(world: World) -> None:
    """What was exported can be created again, and comes out the same."""
    document = world.knative()
    document["metadata"] = {"name": world.name}
    document["spec"]["template"]["metadata"]["name"] = f"{world.name}-one"
    del document["status"]
    world.cloud.finish(world.wait(world.v1.post(f"{SPACE}/services", json=document)))
    ours, theirs = (world.knative(name=name)["spec"]["template"]["spec"] for name in (world.name, "plain"))
    assert ours == theirs


@case("resources", f"{SPEC}: ResourceRequirements")
def resources(world: World) -> None:
    """Limits of CPU and memory must be supported."""
    wanted = {"limits": {"cpu": "2", "memory": "1Gi"}}
    [container] = world.checked(container={"resources": wanted})["containers"]
    assert container["resources"] == wanted


@case("revision", f"{SPEC}: Revision")
def immutable(world: World) -> None:
    """Developers must not be able to create revisions directly, nor to change them."""
    changed = world.cloud.patch("plain", world.body(revision="plain-one", env={"A": "1"}))
    assert (changed.status_code, changed.json()["error"]["status"]) == (409, "ALREADY_EXISTS")
    for method in ("POST", "PUT", "PATCH"):
        assert world.v1.request(method, f"{SPACE}/revisions/plain-one", json={}).status_code == 403


@case("revision", f"{SPEC}: Configuration, Metadata")
def revision_labels(world: World) -> None:
    """A revision must tell its configuration, and the generation of it that made it."""
    world.deploy(revision=f"{world.name}-one")
    world.deploy(revision=f"{world.name}-two", env={"A": "1"})
    configuration_uid = world.knative("configurations", world.name)["metadata"]["uid"]
    for generation, suffix in (("1", "one"), ("2", "two")):
        found = world.knative("revisions", f"{world.name}-{suffix}")
        assert owner(found) == ("Configuration", configuration_uid, True)
        assert found["metadata"]["labels"]["serving.knative.dev/configuration"] == world.name
        assert found["metadata"]["labels"]["serving.knative.dev/configurationGeneration"] == generation


@case("revision", f"{SPEC}: Revision, Status")
def pinned(world: World) -> None:
    """A revision tells the digest of its image."""
    assert re.search(r"@sha256:[0-9a-f]{64}$", world.knative("revisions", "plain-one")["status"]["imageDigest"])


@case("revision_timeout", f"{DOCS}: Request timeout")
def revision_timeout(world: World) -> None:
    """A request that is not answered in the time set for it is answered 504."""
    uri = world.deploy(timeout="0.3s")
    answer = world.cloud.http.get(f"{uri}/slow", params={"seconds": 5})
    assert (answer.status_code, answer.text) == (504, "upstream request timeout")


@case("revision_timeout", f"{DOCS}: Request timeout")
def default_timeout(world: World) -> None:
    """A request has five minutes unless said otherwise."""
    assert world.knative()["spec"]["template"]["spec"]["timeoutSeconds"] == 300


@case("route", f"{SPEC}: Route")
def route(world: World) -> None:
    """A route must tell the traffic in effect and an address that answers."""
    status = world.knative("routes")["status"]
    assert status["traffic"] == [{"latestRevision": True, "percent": 100, "revisionName": "plain-one"}]
    assert world.cloud.http.get(status["url"]).json()["revision"] == "plain-one"


@case("service", f"{SPEC}: Service, Status")
def service(world: World) -> None:
    """A service must tell the generation it has observed, its conditions and its address."""
    found = world.knative()
    assert found["metadata"]["generation"] == found["status"]["observedGeneration"] == 1
    assert {one["type"] for one in found["status"]["conditions"]} == {"Ready", "ConfigurationsReady", "RoutesReady"}
    assert found["status"]["address"]["url"] == found["status"]["url"] == world.uri


@case("service_account", f"{SPEC}: Revision, Spec")
def service_account(world: World) -> None:
    """The service account of a revision should be kept."""
    account = "runner@demo.example"
    assert world.checked(serviceAccountName=account)["serviceAccountName"] == account


@case("service_validation", f"{DOCS}: Admin API v1, services.create")
def wrong_name(world: World) -> None:
    """A name that cannot be a label of a host is refused."""
    body = world.v1_body() | {"metadata": {"name": "Wrong_Name"}}
    answer = world.v1.post(f"{SPACE}/services", json=body)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


@case("service_validation", f"{SPEC}: Detailed Resources")
def unknown_field(world: World) -> None:
    """Fields that are unknown or out of bounds are refused."""
    assert 'Unknown name "colour"' in world.v1_refusal(colour="red")
    assert "timeout: must be more than 0 and at most 3600 seconds" in world.v1_refusal(timeoutSeconds=3601)


@case("single_threaded", f"{SPEC}: Revision, Spec")
def single_threaded(world: World) -> None:
    """An instance must not have more requests at once than containerConcurrency says."""
    uri, gate = world.deploy(maxInstanceRequestConcurrency=1), world.folder / "gate"
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(world.cloud.http.get, f"{uri}/hold", params={"until": str(gate)}) for _ in range(2)]
        until(
            lambda: [one["in_flight"] for one in instances_of(world.cloud, world.name)] == [1, 1],
            "two instances have one request each",
        )
        gate.touch()
    assert [one.result().json()["at_once"] for one in asked] == [1, 1]


@case("single_threaded", f"{DOCS}: Maximum concurrent requests")
def default_concurrency(world: World) -> None:
    """An instance has at most 80 requests at once unless said otherwise, or 1 with less than one CPU."""
    assert world.knative()["spec"]["template"]["spec"]["containerConcurrency"] == 80
    assert world.checked(container={"resources": {"limits": {"cpu": "500m"}}})["containerConcurrency"] == 1
    assert "is no number of CPUs" in world.v1_refusal(container={"resources": {"limits": {"cpu": "many"}}})


@case("volumes", f"{SPEC}: Revision, Spec", REFUSED)
def volumes(world: World) -> None:
    """Volumes should be available to containers."""
    assert "volumes: the embedded Cloud Run does not support this field" in world.v1_refusal(volumes=[{"name": "v"}])
