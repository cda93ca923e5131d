"""The v1 API of services: a translation that loses nothing, refusals that name the field, and its parts by HTTP."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netra_loop.localrun.api.knative_read import read_v1_service
from netra_loop.localrun.api.knative_render import v1_service
from netra_loop.localrun.errors import ApiError
from netra_loop.localrun.services.declaration import Declaration, declare, read_declaration
from netra_loop.localrun.services.model import Place, ServiceId
from tests.localrun.cloud import Cloud, service_body

Document = dict[str, Any]
SPACE = "http://europe-west1-run.googleapis.com/apis/serving.knative.dev/v1/namespaces/demo"
IDENTITY = ServiceId(Place("demo", "europe-west1"), "shop")
WORDS = st.text("abcdefghij-", min_size=1, max_size=12)
TEXTS = st.dictionaries(WORDS, WORDS, max_size=3)
PROBES: st.SearchStrategy[Document] = st.fixed_dictionaries(
    {"periodSeconds": st.integers(1, 240), "failureThreshold": st.integers(1, 5)},
    optional={"httpGet": st.just({"path": "/live"}), "initialDelaySeconds": st.integers(0, 9)},
)
VARIABLES: st.SearchStrategy[Document] = st.fixed_dictionaries(
    {"name": WORDS, "value": st.text(max_size=9).filter(lambda text: "\0" not in text)}
)
RESOURCES: st.SearchStrategy[Document] = st.fixed_dictionaries(
    {}, optional={"limits": st.just({"cpu": "2"}), "cpuIdle": st.booleans(), "startupCpuBoost": st.booleans()}
)
CONTAINERS: st.SearchStrategy[Document] = st.fixed_dictionaries(
    {"image": st.just("local/echo")},
    optional={
        "name": WORDS,
        "command": st.lists(WORDS, max_size=3),
        "workingDir": WORDS,
        "args": st.lists(WORDS, max_size=3),
        "env": st.lists(VARIABLES, max_size=3, unique_by=lambda variable: str(variable["name"])),
        "ports": st.integers(1, 65535).map(lambda port: [{"containerPort": port}]),
        "resources": RESOURCES,
        "startupProbe": PROBES,
        "livenessProbe": PROBES,
    },
)
SCALINGS = st.builds(
    lambda least, more: {"minInstanceCount": least, "maxInstanceCount": least + more},
    st.integers(0, 9),
    st.integers(1, 9),
)
SERVICES = st.fixed_dictionaries(
    {
        "template": st.fixed_dictionaries(
            {"containers": st.lists(CONTAINERS, min_size=1, max_size=1)},
            optional={
                "revision": st.just("shop-one"),
                "labels": TEXTS,
                "annotations": TEXTS,
                "timeout": st.integers(1, 3600).map(lambda seconds: f"{seconds}s"),
                "serviceAccount": WORDS,
                "maxInstanceRequestConcurrency": st.integers(1, 1000),
                "sessionAffinity": st.booleans(),
                "executionEnvironment": st.sampled_from(["EXECUTION_ENVIRONMENT_GEN1", "EXECUTION_ENVIRONMENT_GEN2"]),
                "scaling": SCALINGS,
            },
        )
    },
    optional={
        "labels": TEXTS,
        "annotations": TEXTS,
        "description": st.text(max_size=9),
        "client": WORDS,
        "ingress": st.sampled_from(["INGRESS_TRAFFIC_ALL", "INGRESS_TRAFFIC_INTERNAL_ONLY"]),
        "launchStage": st.sampled_from(["GA", "BETA"]),
        "customAudiences": st.lists(WORDS, max_size=2),
        "invokerIamDisabled": st.booleans(),
        "traffic": st.just([{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100, "tag": "prod"}]),
    },
)  # fmt: skip


def through_v1(wanted: Declaration) -> Declaration:
    """What is read from the v1 document of a service that is as was wanted."""
    change = declare(None, wanted, IDENTITY, {}, "")
    document = v1_service(change.service, change.revision, lambda _, tag: f"http://127.0.0.1/{tag}")
    return read_declaration(read_v1_service(document), IDENTITY.name)


@settings(max_examples=60, deadline=None)
@given(SERVICES)
def test_nothing_is_lost_on_the_way_through_v1(body: Document) -> None:
    wanted = read_declaration(body, IDENTITY.name)
    again = through_v1(wanted)
    assert (again.template, again.revision, again.traffic) == (wanted.template, wanted.revision, wanted.traffic)
    assert {key: again.settings[key] for key in wanted.settings} == wanted.settings


def v1_body(**spec: Any) -> Document:
    container = {"image": "local/echo"} | spec.pop("container", {})
    template = {"metadata": {"annotations": spec.pop("annotations", {})}, "spec": {"containers": [container]}}
    kind = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "shop"}}
    return kind | {"spec": {"template": template} | spec}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "kind: must be 'Service' of apiVersion 'serving.knative.dev/v1'"),
        (v1_body() | {"more": 1}, 'Unknown name "more"'),
        (v1_body(traffic=[{"percent": 100}]), "spec.traffic[0].revisionName: exactly one of"),
        (v1_body(container={"resources": 3}), "spec.template.spec.containers[0].resources: must be a JSON object"),
        (v1_body(container={"env": [{"name": "A", "valueFrom": {"secretKeyRef": {}}}]}), "valueSource"),
        (v1_body(container={"volumeMounts": [{"name": "v"}]}), "volumeMounts: the embedded Cloud Run does not support"),
        (v1_body(annotations={"run.googleapis.com/cloudsql-instances": "a:b:c"}), "does not support this"),
        (v1_body(annotations={"autoscaling.knative.dev/maxScale": "many"}), "must be an integer"),
    ],
    ids=[
        "no service", "an unknown field", "traffic to nobody", "no object", "a secret", "a volume", "a database",
        "no number",
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_by_the_name_of_the_field(body: Document, problem: str) -> None:
    with pytest.raises(ApiError) as refused:
        read_declaration(read_v1_service(body), "shop")
    assert refused.value.code == 400
    assert problem in refused.value.message


@pytest.fixture
def v1(cloud: Cloud) -> Iterator[httpx.Client]:
    """Asks as gcloud does: whole URLs of Google's hosts, through the server as the proxy."""
    with httpx.Client(proxy=cloud.url, trust_env=False, timeout=20) as client:
        yield client


def test_both_apis_tell_of_the_same_service(cloud: Cloud, v1: httpx.Client, echo: str, name: str) -> None:
    made = cloud.deploy(name, service_body(echo, revision=f"{name}-one"))
    service = v1.get(f"{SPACE}/services/{name}").json()
    assert (service["status"]["url"], service["metadata"]["uid"]) == (made["uri"], made["uid"])
    revision = v1.get(f"{SPACE}/revisions/{name}-one").json()
    assert (revision["status"]["imageDigest"], revision["metadata"]["labels"]["serving.knative.dev/service"]) == (
        echo,
        name,
    )
    route = v1.get(f"{SPACE}/routes/{name}").json()
    assert route["status"]["traffic"] == [{"revisionName": f"{name}-one", "latestRevision": True, "percent": 100}]
    configuration = v1.get(f"{SPACE}/configurations/{name}").json()
    assert configuration["status"]["latestReadyRevisionName"] == f"{name}-one"


def test_a_write_on_an_older_state_is_refused(cloud: Cloud, v1: httpx.Client, echo: str, name: str) -> None:
    cloud.deploy(name, service_body(echo))
    stale = v1.get(f"{SPACE}/services/{name}").json()
    cloud.deploy(name, service_body(echo, env={"A": "1"}))
    answer = v1.put(f"{SPACE}/services/{name}", json=stale)
    assert (answer.status_code, answer.json()["error"]["status"]) == (409, "ABORTED")


def test_an_unchanged_service_makes_no_revision(cloud: Cloud, v1: httpx.Client, echo: str, name: str) -> None:
    cloud.deploy(name, service_body(echo))
    service = v1.get(f"{SPACE}/services/{name}").json()
    changed = v1.put(f"{SPACE}/services/{name}", json=service).json()
    assert changed["metadata"]["generation"] == 2
    assert len(cloud.revisions(name)) == 1


def test_a_list_is_told_page_by_page_and_by_labels(cloud: Cloud, v1: httpx.Client, echo: str, name: str) -> None:
    for variable in "ab":
        cloud.deploy(name, service_body(echo, env={"A": variable}))
    wanted = {"labelSelector": f"serving.knative.dev/service = {name}", "limit": "1"}
    first = v1.get(f"{SPACE}/revisions", params=wanted).json()
    second = v1.get(f"{SPACE}/revisions", params=wanted | {"continue": first["metadata"]["continue"]}).json()
    found = [item["metadata"]["name"] for item in first["items"] + second["items"]]
    assert found == [revision["name"].rpartition("/")[2] for revision in cloud.revisions(name)]


def test_a_request_without_a_region_says_so(cloud: Cloud, v1: httpx.Client) -> None:
    answer = v1.get(f"{SPACE.replace('europe-west1-', '')}/services/shop")
    assert answer.status_code == 400
    assert "must name a region" in answer.json()["error"]["message"]


def test_a_policy_is_kept_and_goes_with_its_service(cloud: Cloud, echo: str, name: str) -> None:
    from google.iam.v1 import policy_pb2

    made = cloud.deploy(name, service_body(echo))
    client = cloud.services_client()
    binding = policy_pb2.Binding(role="roles/run.invoker", members=["allUsers"])
    kept = client.set_iam_policy(request={"resource": made["name"], "policy": policy_pb2.Policy(bindings=[binding])})
    assert client.get_iam_policy(request={"resource": made["name"]}) == kept
    asked = client.test_iam_permissions(request={"resource": made["name"], "permissions": ["run.services.get"]})
    assert list(asked.permissions) == ["run.services.get"]
    stale = policy_pb2.Policy(etag=b"older")
    with pytest.raises(Exception, match="concurrent policy changes"):
        client.set_iam_policy(request={"resource": made["name"], "policy": stale})
    cloud.delete(name)
    cloud.deploy(name, service_body(echo))
    assert list(client.get_iam_policy(request={"resource": made["name"]}).bindings) == []


def test_who_waits_for_an_operation_is_told_that_the_service_was_deleted(cloud: Cloud, echo: str, name: str) -> None:
    begun = cloud.create(name, service_body(echo, env={"START_SECONDS": "5"})).json()
    cloud.delete(name)
    region_less = begun["name"].removeprefix("projects/demo/")
    waited = httpx.post(
        f"http://run.googleapis.com/v1/projects/demo/{region_less}:wait", json={"timeout": "20s"}, proxy=cloud.url
    ).json()
    assert waited["done"] is True
    assert waited["error"] == {"code": 10, "message": f"Service '{name}' was deleted meanwhile."}


def test_operations_are_listed_and_forgotten(cloud: Cloud, echo: str, name: str) -> None:
    cloud.deploy(name, service_body(echo))
    listed = cloud.get("/v2/projects/demo/locations/europe-west1/operations")["operations"]
    newest = listed[0]
    assert newest["response"]["name"].endswith(f"/services/{name}")
    assert cloud.http.delete(f"/v2/{newest['name']}").status_code == 200
    assert cloud.http.get(f"/v2/{newest['name']}").status_code == 404
