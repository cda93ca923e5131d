"""What is around services on Cloud Run: images, addresses, access, logs, projects, and the products beside it."""

import json
import socket
import uuid
from pathlib import Path

from tests.localrun.cloud import PLACE, until, write_echo_app
from tests.localrun.conformance.deviations import LIMITS, NOT_SERVED, ONE_USER, OWN_PORTS, REFUSED
from tests.localrun.conformance.world import DOCS, RUN, RUN_HOST, SPEC, Case, World


def image_of_a_folder(world: World) -> None:
    command = Path(f"/proc/{world.instance()['pid']}/cmdline").read_bytes().split(b"\0")
    assert command[:3] == [b"python", b"app.py", b"--port-was"]
    body = {"name": "x", "source": str(world.folder)}
    answer = world.cloud.http.post("/_local/build", json=body, headers=world.cloud.token)
    assert "there is no Procfile" in answer.json()["error"]["message"]


def no_dockerfile(world: World) -> None:
    source = {"bucket": "b", "object": "o"}
    body = {"imageUri": "host/demo/repository/x", "storageSource": source, "dockerBuild": {}}
    answer = world.cloud.http.post(f"/v2/{PLACE}/builds:submit", json=body)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "FAILED_PRECONDITION")
    assert "cannot build a Dockerfile" in answer.json()["error"]["message"]


def ports_of_tags(world: World) -> None:
    traffic = [{"percent": 100, "type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "tag": "candidate"}]
    made = world.cloud.deploy(world.name, world.body() | {"traffic": traffic})
    addresses = {made["uri"], made["trafficStatuses"][0]["uri"], world.uri}
    assert len(addresses) == 3
    assert all(address.startswith("http://127.0.0.1:") for address in addresses)


def address_stays(world: World) -> None:
    assert world.deploy() == world.deploy(env={"A": "1"})


def policies_kept(world: World) -> None:
    policy = {"bindings": [{"role": "roles/run.invoker", "members": ["user:someone@demo.example"]}]}
    path = f"/v2/{PLACE}/services/plain"
    assert world.cloud.http.post(f"{path}:setIamPolicy", json={"policy": policy}).status_code == 200
    assert world.cloud.get(f"{path}:getIamPolicy")["bindings"] == policy["bindings"]
    assert world.cloud.http.get(world.uri).status_code == 200


def ingress_kept(world: World) -> None:
    body = world.body() | {"ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY"}
    made = world.cloud.deploy(world.name, body)
    assert made["ingress"] == "INGRESS_TRAFFIC_INTERNAL_ONLY"
    assert world.cloud.http.get(made["uri"]).status_code == 200


def no_secrets(world: World) -> None:
    variable = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "1"}}}
    assert "valueSource: the embedded Cloud Run does not support" in world.v1_refusal(container={"env": [variable]})


def no_network(world: World) -> None:
    assert "vpcAccess: the embedded Cloud Run does not support" in world.refusal(vpcAccess={"connector": "c"})
    for annotation in ("run.googleapis.com/cloudsql-instances", "run.googleapis.com/vpc-access-connector"):
        body = world.v1_body()
        body["spec"]["template"]["metadata"] = {"annotations": {annotation: "a"}}
        assert "does not support this" in world.v1_refused(body)


def no_metadata_server(world: World) -> None:
    assert [name for name in world.ask("env") if name.startswith(("GCE_", "GOOGLE_"))] == []


def dependency_started(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    cloud = world.second()
    assert cloud.back(world.name, write_echo_app(world.folder), address).status_code == 200
    assert cloud.http.get(f"http://{address}/env").json()["PORT"] == address.partition(":")[2]


def unused_images_gone(world: World) -> None:
    """There were two images of that name, and no service used the first."""
    versions = [path.read_text() for path in (world.second().home / "images").glob("*/version")]
    assert versions == ["two"]


def processes_marked(world: World) -> None:
    assert world.ask("env")["NETRA_LOOP_LOCAL"]


def any_project(world: World) -> None:
    found = [world.v1.get(f"http://cloudresourcemanager.googleapis.com/v1/projects/{one}").json() for one in "ab"]
    assert [one["projectId"] for one in found] == ["a", "b"]
    assert found[0]["projectNumber"] == found[1]["projectNumber"]
    assert world.knative()["metadata"]["namespace"] == "demo"


def line_and_request(world: World) -> None:
    trace = uuid.uuid4().hex
    where = f"projects/demo/traces/{trace}"
    line = json.dumps({"severity": "ERROR", "message": "late", "logging.googleapis.com/trace": where})
    sent = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    world.cloud.http.get(f"{world.uri}/print", params={"line": line}, headers=sent)
    entries = until(lambda: len(found := world.cloud.entries(f'trace="{where}"')) == 2 and found, "both are there")
    told = {entry["logName"].rpartition("%2F")[2]: entry for entry in entries}
    assert (told["stdout"]["severity"], told["stdout"]["textPayload"]) == ("ERROR", "late")
    assert (told["requests"]["severity"], told["requests"]["httpRequest"]["status"]) == ("INFO", 200)
    assert [entry["resource"]["labels"]["revision_name"] for entry in entries] == ["plain-one"] * 2


def in_order_of_arrival(world: World) -> None:
    log = f"projects/demo/logs/{uuid.uuid4()}"
    moment = {"timestamp": until(lambda: world.cloud.entries("severity=INFO"), "an entry is there")[-1]["timestamp"]}
    entries = [{"textPayload": identity, "insertId": identity, **moment} for identity in ("b", "a")]
    assert world.cloud.http.post("/v2/entries:write", json={"logName": log, "entries": entries}).status_code == 200
    assert [entry["insertId"] for entry in world.cloud.entries(f'logName="{log}"')] == ["b", "a"]
    assert world.cloud.http.post("/v2/entries:tail", json={}).status_code == 501


def functions_refused(world: World) -> None:
    for call in ("cast(a, INT64)", 'regexp_extract(a, "b")', 'source("a")'):
        body = {"resourceNames": ["projects/demo"], "filter": f"{call}=1"}
        assert world.cloud.http.post("/v2/entries:list", json=body).status_code == 400, call


def not_served(world: World) -> None:
    body = world.body() | {"multiRegionSettings": {"regions": ["europe-west1"]}}
    assert world.cloud.create(world.name, body).status_code == 400
    assert world.cloud.http.get(f"/v2/{PLACE}/workerPools").status_code == 501
    mappings = f"{RUN_HOST}/apis/domains.cloudrun.com/v1/namespaces/demo/domainmappings"
    assert world.v1.get(mappings).status_code == 403


def form_of_errors(world: World) -> None:
    answer = world.cloud.http.get(f"/v2/{PLACE}/services/{world.name}")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (404, 404, "NOT_FOUND")
    assert (
        error["message"]
        == f"Resource '{world.name}' of kind 'SERVICE' in region 'europe-west1' in project 'demo' does not exist."
    )


CASES = [
    Case("image", "image", "An image is a container's.", RUN, image_of_a_folder,
         "an image is a snapshot of a source folder, started by its Procfile's `web:` line with this machine's "
         "interpreter"),
    Case("build", "image", "A source is built by buildpacks or its Dockerfile.", f"{DOCS}: Deploying from source",
         no_dockerfile,
         "a source is built by unpacking it; Dockerfiles, functions, base images and build variables are refused"),
    Case("address-of-a-tag", "urls", "The address of a tag must include the tag's name.", f"{SPEC}: TrafficTarget",
         ports_of_tags, OWN_PORTS),
    Case("address-stays", "urls", "The address of a service stays over deploys.", f"{DOCS}: Service URLs",
         address_stays),
    Case("iam", "iam", "Who may not invoke a service is refused.", f"{DOCS}: Authentication", policies_kept, LIMITS),
    Case("ingress", "iam", "Who does not come from where ingress allows is refused.", f"{DOCS}: Ingress", ingress_kept,
         LIMITS),
    Case("secrets", "secrets", "A secret may be a variable or a file.", f"{DOCS}: Secrets", no_secrets, REFUSED),
    Case("network", "secrets", "A service may reach a private network and a database.", f"{DOCS}: Networking",
         no_network, REFUSED),
    Case("metadata-server", "sandbox", "A metadata server tells the project and hands out tokens.", RUN,
         no_metadata_server, ONE_USER),
    Case("dependencies", "sandbox", "What a service depends on runs elsewhere.", f"{DOCS}: Connecting to services",
         dependency_started, "what services depend on (`source` of a dependency) is started at its declared address"),
    Case("retention", "image", "Images stay in their registry.", f"{DOCS}: Managing revisions", unused_images_gone,
         "a service keeps its 1,000 newest revisions, and an image is deleted when no revision needs it and it is not "
         "the latest of its name"),
    Case("mark", "sandbox", "The environment is that of the image, the user and the contract.", RUN, processes_marked,
         "every process has a variable `NETRA_LOOP_LOCAL`"),
    Case("projects", "sandbox", "A project has a number of its own, which is its namespace.",
         f"{DOCS}: Admin API v1, namespaces", any_project,
         "every project exists, its id is its namespace, and it has the same number"),
    Case("line-and-request", "logs", "A line of JSON is structured, and joins its request by the trace.",
         f"{DOCS}: Logging", line_and_request),
    Case("order-and-tail", "logs", "Entries of one moment are in order of their ids, and new ones can be followed.",
         "Cloud Logging API v2", in_order_of_arrival,
         "logs are capped at 512 MB and lose what came within 50 ms of a `kill -9`; there is no tail; equal times are "
         "in order of arrival"),
    Case("log-functions", "logs", "A filter may have functions.", "Cloud Logging query language", functions_refused,
         "the log functions `cast`, `regexp_extract`, `source` and RE2's script classes are refused"),
    Case("not-served", "api", "There are worker pools, domain mappings and services of several regions.",
         f"{DOCS}: Admin API v1 and v2", not_served, NOT_SERVED),
    Case("errors", "api", "An error has a code, a status and a sentence.", "Google API design guide: Errors",
         form_of_errors, "sentences and codes of errors are modelled on documents and public logs"),
]  # fmt: skip
