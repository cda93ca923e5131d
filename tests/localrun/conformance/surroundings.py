"""What is around services on Cloud Run: images, addresses, access, logs, projects, and the products beside it."""

import json
import socket
import uuid
from pathlib import Path

from tests.localrun.cloud import PLACE, until, write_echo_app
from tests.localrun.conformance.case import DOCS, RUN, SPEC, case
from tests.localrun.conformance.deviations import LIMITS, NOT_SERVED, ONE_USER, OWN_PORTS, REFUSED
from tests.localrun.conformance.world import RUN_HOST, World


@case(
    "image",
    RUN,
    "an image is a snapshot of a source folder, started by its Procfile's `web:` line with this machine's interpreter",
)
def image(world: World) -> None:
    """An image is a container's."""
    command = Path(f"/proc/{world.instance()['pid']}/cmdline").read_bytes().split(b"\0")
    assert command[:3] == [b"python", b"app.py", b"--port-was"]
    body = {"name": "x", "source": str(world.folder)}
    answer = world.cloud.http.post("/_local/build", json=body, headers=world.cloud.token)
    assert "there is no Procfile" in answer.json()["error"]["message"]


@case(
    "image",
    f"{DOCS}: Deploying from source",
    "a source is built by unpacking it; Dockerfiles, functions, base images and build variables are refused",
)
def build(world: World) -> None:
    """A source is built by buildpacks or its Dockerfile."""
    source = {"bucket": "b", "object": "o"}
    body = {"imageUri": "host/demo/repository/x", "storageSource": source, "dockerBuild": {}}
    answer = world.cloud.http.post(f"/v2/{PLACE}/builds:submit", json=body)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "FAILED_PRECONDITION")
    assert "cannot build a Dockerfile" in answer.json()["error"]["message"]


@case("urls", f"{SPEC}: TrafficTarget", OWN_PORTS)
def address_of_a_tag(world: World) -> None:
    """The address of a tag must include the tag's name."""
    traffic = [{"percent": 100, "type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "tag": "candidate"}]
    made = world.cloud.deploy(world.name, world.body() | {"traffic": traffic})
    addresses = {made["uri"], made["trafficStatuses"][0]["uri"], world.uri}
    assert len(addresses) == 3
    assert all(address.startswith("http://127.0.0.1:") for address in addresses)


@case("urls", f"{DOCS}: Service URLs")
def address_stays(world: World) -> None:
    """The address of a service stays over deploys."""
    assert world.deploy() == world.deploy(env={"A": "1"})


@case("iam", f"{DOCS}: Authentication", LIMITS)
def iam(world: World) -> None:
    """Who may not invoke a service is refused."""
    policy = {"bindings": [{"role": "roles/run.invoker", "members": ["user:someone@demo.example"]}]}
    uri, path = world.deploy(), f"/v2/{PLACE}/services/{world.name}"
    assert world.cloud.http.post(f"{path}:setIamPolicy", json={"policy": policy}).status_code == 200
    assert world.cloud.get(f"{path}:getIamPolicy")["bindings"] == policy["bindings"]
    assert world.cloud.http.get(uri).status_code == 200


@case("iam", f"{DOCS}: Ingress", LIMITS)
def ingress(world: World) -> None:
    """Who does not come from where ingress allows is refused."""
    body = world.body() | {"ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY"}
    made = world.cloud.deploy(world.name, body)
    assert made["ingress"] == "INGRESS_TRAFFIC_INTERNAL_ONLY"
    assert world.cloud.http.get(made["uri"]).status_code == 200


@case("secrets", f"{DOCS}: Secrets", REFUSED)
def secrets(world: World) -> None:
    """A secret may be a variable or a file."""
    variable = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "1"}}}
    assert "valueSource: the embedded Cloud Run does not support" in world.v1_refusal(container={"env": [variable]})


@case("secrets", f"{DOCS}: Networking", REFUSED)
def network(world: World) -> None:
    """A service may reach a private network and a database."""
    assert "vpcAccess: the embedded Cloud Run does not support" in world.refusal(vpcAccess={"connector": "c"})
    for annotation in ("run.googleapis.com/cloudsql-instances", "run.googleapis.com/vpc-access-connector"):
        body = world.v1_body()
        body["spec"]["template"]["metadata"] = {"annotations": {annotation: "a"}}
        assert "does not support this" in world.v1_refused(body)


@case("sandbox", RUN, ONE_USER)
def metadata_server(world: World) -> None:
    """A metadata server tells the project and hands out tokens."""
    assert [name for name in world.ask("env") if name.startswith(("GCE_", "GOOGLE_"))] == []


@case(
    "sandbox",
    f"{DOCS}: Connecting to services",
    "what services depend on (`source` of a dependency) is started at its declared address",
)
def dependencies(world: World) -> None:
    """What a service depends on runs elsewhere."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    cloud = world.second()
    assert cloud.back(world.name, write_echo_app(world.folder), address).status_code == 200
    assert cloud.http.get(f"http://{address}/env").json()["PORT"] == address.partition(":")[2]


@case(
    "image",
    f"{DOCS}: Managing revisions",
    "a service keeps its 1,000 newest revisions, and an image is deleted when no revision needs it and it is not "
    "the latest of its name",
)
def retention(world: World) -> None:
    """Images stay in their registry.

    There were two images of that name, and no service used the first.
    """
    versions = [path.read_text() for path in (world.second().home / "images").glob("*/version")]
    assert versions == ["two"]


@case("sandbox", RUN, "every process has a variable `NETRA_LOOP_LOCAL`")
def mark(world: World) -> None:
    """The environment is that of the image, the user and the contract."""
    assert world.ask("env")["NETRA_LOOP_LOCAL"]


@case(
    "sandbox",
    f"{DOCS}: Admin API v1, namespaces",
    "every project exists, its id is its namespace, and it has the same number",
)
def projects(world: World) -> None:
    """A project has a number of its own, which is its namespace."""
    found = [world.v1.get(f"http://cloudresourcemanager.googleapis.com/v1/projects/{one}").json() for one in "ab"]
    assert [one["projectId"] for one in found] == ["a", "b"]
    assert found[0]["projectNumber"] == found[1]["projectNumber"]
    assert world.knative()["metadata"]["namespace"] == "demo"


@case("logs", f"{DOCS}: Logging")
def line_and_request(world: World) -> None:
    """A line of JSON is structured, and joins its request by the trace."""
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


@case(
    "logs",
    "Cloud Logging API v2",
    "logs are capped at 512 MB and lose what came within 50 ms of a `kill -9`; there is no tail; "
    "equal times are in order of arrival",
)
def order_and_tail(world: World) -> None:
    """Entries of one moment are in order of their ids, and new ones can be followed."""
    log = f"projects/demo/logs/{uuid.uuid4()}"
    moment = {"timestamp": until(lambda: world.cloud.entries("severity=INFO"), "an entry is there")[-1]["timestamp"]}
    entries = [{"textPayload": identity, "insertId": identity, **moment} for identity in ("b", "a")]
    assert world.cloud.http.post("/v2/entries:write", json={"logName": log, "entries": entries}).status_code == 200
    assert [entry["insertId"] for entry in world.cloud.entries(f'logName="{log}"')] == ["b", "a"]
    assert world.cloud.http.post("/v2/entries:tail", json={}).status_code == 501


@case(
    "logs",
    "Cloud Logging query language",
    "the log functions `cast`, `regexp_extract`, `source` and RE2's script classes are refused",
)
def log_functions(world: World) -> None:
    """A filter may have functions."""
    for call in ("cast(a, INT64)", 'regexp_extract(a, "b")', 'source("a")'):
        body = {"resourceNames": ["projects/demo"], "filter": f"{call}=1"}
        assert world.cloud.http.post("/v2/entries:list", json=body).status_code == 400, call


@case("api", f"{DOCS}: Admin API v1 and v2", NOT_SERVED)
def not_served(world: World) -> None:
    """There are worker pools, domain mappings and services of several regions."""
    body = world.body() | {"multiRegionSettings": {"regions": ["europe-west1"]}}
    assert world.cloud.create(world.name, body).status_code == 400
    assert world.cloud.http.get(f"/v2/{PLACE}/workerPools").status_code == 501
    mappings = f"{RUN_HOST}/apis/domains.cloudrun.com/v1/namespaces/demo/domainmappings"
    assert world.v1.get(mappings).status_code == 403


@case(
    "api", "Google API design guide: Errors", "sentences and codes of errors are modelled on documents and public logs"
)
def errors(world: World) -> None:
    """An error has a code, a status and a sentence."""
    answer = world.cloud.http.get(f"/v2/{PLACE}/services/{world.name}")
    text = f"Resource '{world.name}' of kind 'SERVICE' in region 'europe-west1' in project 'demo' does not exist."
    assert answer.json() == {"error": {"code": 404, "message": text, "status": "NOT_FOUND"}}
