"""Services and revisions through the real, unmodified gcloud: what it says, and what is there afterwards."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.localrun.cloud import Cloud
from tests.localrun.gcloud import Gcloud, check_forms, needs_gcloud

pytestmark = needs_gcloud

NAME = "gcloud-made"
TEMPLATE = "spec/template/spec"
ANNOTATIONS = "spec/template/metadata/annotations"
CONTAINER = f"{TEMPLATE}/containers/0"


@dataclass(frozen=True, slots=True)
class Step:
    """One command; `{image}` stands for the echo app. `then` is what its JSON says, by the path to it."""

    sentence: str
    command: str
    then: dict[str, Any] = field(default_factory=dict)
    fails: str = ""


SERVICE_STEPS = [
    Step(
        "a candidate needs something that serves",
        f"run deploy {NAME} --image={{image}} --no-traffic --tag=early --no-allow-unauthenticated",
        fails="--no-traffic not supported when creating a new service",
    ),
    Step(
        "a deploy sets what is asked",
        f"run deploy {NAME} --image={{image}} --allow-unauthenticated --revision-suffix=first --set-env-vars=A=1,B=2 "
        "--labels=team=a --timeout=77 --concurrency=5 --min-instances=1 --max-instances=3 --memory=1Gi --cpu=2 "
        "--port=9090 --cpu-boost --no-cpu-throttling --execution-environment=gen2 --session-affinity "
        "--description=hello --service-account=runner@demo.example --ingress=internal",
        {
            "status/latestReadyRevisionName": f"{NAME}-first",
            "status/traffic/0/percent": 100,
            "metadata/labels/team": "a",
            "metadata/annotations/run.googleapis.com~1description": "hello",
            "metadata/annotations/run.googleapis.com~1ingress": "internal",
            f"{TEMPLATE}/timeoutSeconds": 77,
            f"{TEMPLATE}/containerConcurrency": 5,
            f"{TEMPLATE}/serviceAccountName": "runner@demo.example",
            f"{CONTAINER}/env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
            f"{CONTAINER}/resources/limits": {"cpu": "2", "memory": "1Gi"},
            f"{CONTAINER}/ports/0/containerPort": 9090,
            f"{ANNOTATIONS}/autoscaling.knative.dev~1minScale": "1",
            f"{ANNOTATIONS}/autoscaling.knative.dev~1maxScale": "3",
            f"{ANNOTATIONS}/run.googleapis.com~1startup-cpu-boost": "true",
            f"{ANNOTATIONS}/run.googleapis.com~1cpu-throttling": "false",
            f"{ANNOTATIONS}/run.googleapis.com~1execution-environment": "gen2",
            f"{ANNOTATIONS}/run.googleapis.com~1sessionAffinity": "true",
        },
    ),
    Step(
        "a candidate gets a tag and no traffic",
        f"run deploy {NAME} --image={{image}} --no-traffic --tag=cand --revision-suffix=second --update-env-vars=B=3",
        {
            "status/latestReadyRevisionName": f"{NAME}-second",
            "status/traffic/0/revisionName": f"{NAME}-first",
            "status/traffic/0/percent": 100,
            "status/traffic/1/tag": "cand",
            f"{CONTAINER}/env/1": {"name": "B", "value": "3"},
        },
    ),
    Step("it is listed in its region", "run services list --region=europe-west1", {"0/metadata/name": NAME}),
    Step("it is listed in all regions", "run services list", {"0/metadata/name": NAME}),
    Step(
        "an update changes variables and probes",
        f"run services update {NAME} --remove-env-vars=A --revision-suffix=third --liveness-probe=httpGet.path=/ "
        "--startup-probe=tcpSocket.port=9090,failureThreshold=3,periodSeconds=2",
        {
            f"{CONTAINER}/env": [{"name": "B", "value": "3"}],
            f"{CONTAINER}/livenessProbe/httpGet/path": "/",
            f"{CONTAINER}/startupProbe/failureThreshold": 3,
        },
    ),
    Step(
        "a container that does not start fails the deploy and says why",
        f"run services update {NAME} --command=false --revision-suffix=broken",
        fails="The user-provided container failed to start and listen on the port",
    ),
    Step(
        "what served before goes on serving",
        f"run services describe {NAME}",
        {"status/traffic/0/revisionName": f"{NAME}-first", "status/traffic/0/percent": 100},
    ),
    Step(
        "the beta track deploys as well",
        f"beta run deploy {NAME} --image={{image}} --command=python --args=app.py --clear-env-vars "
        "--revision-suffix=beta",
        {"status/latestReadyRevisionName": f"{NAME}-beta"},
    ),
    Step(
        "a policy is added to",
        f"run services add-iam-policy-binding {NAME} --member=allUsers --role=roles/run.invoker",
        {"bindings/0/members": ["allUsers"]},
    ),
    Step(
        "and kept", f"run services get-iam-policy {NAME}", {"bindings/0/role": "roles/run.invoker"}
    ),
]  # fmt: skip
TRAFFIC_STEPS = [
    Step(
        "a split by names",
        f"run services update-traffic {NAME} --to-revisions={NAME}-first=90,{NAME}-second=10",
        {"0/revisionName": f"{NAME}-first", "0/displayPercent": "90%", "1/displayPercent": "10%"},
    ),
    Step("a share by tag", f"run services update-traffic {NAME} --to-tags=cand=50", {"1/displayPercent": "50%"}),
    Step("tags are set", f"run services update-traffic {NAME} --set-tags=prod={NAME}-first", {"0/displayTags": "prod"}),
    Step("tags are removed", f"run services update-traffic {NAME} --remove-tags=prod", {"0/displayTags": ""}),
    Step("all to the latest", f"run services update-traffic {NAME} --to-latest", {"0/displayPercent": "100%"}),
    Step(
        "revisions are listed, the newest first",
        f"run revisions list --service={NAME}",
        {"0/metadata/name": f"{NAME}-beta"},
    ),
    Step("a revision is described", f"run revisions describe {NAME}-third", {"metadata/name": f"{NAME}-third"}),
    Step("a revision is deleted", f"run revisions delete {NAME}-third"),
    Step(
        "the one that serves is not",
        f"run revisions delete {NAME}-beta",
        fails="cannot be deleted: it is the latest one, or traffic or a tag is on it.",
    ),
    Step("regions are listed", "run regions list", {"0/locationId": "asia-northeast1"}),
    Step("the service is deleted", f"run services delete {NAME}"),
]


def at(document: Any, path: str) -> Any:
    """The value at a path such as `spec/traffic/0/percent`; ~1 stands for a slash."""
    for part in path.split("/"):
        document = document[int(part)] if part.isdigit() else document[part.replace("~1", "/")]
    return document


@pytest.mark.parametrize("step", [*SERVICE_STEPS, *TRAFFIC_STEPS], ids=lambda step: step.sentence)
def test_gcloud(gcloud: Gcloud, echo: str, step: Step) -> None:
    said = gcloud(*step.command.format(image=echo).split(), "--format=json", "--quiet")
    if step.fails:
        words = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", said.err).split())
        assert (said.code, step.fails in words) == (1, True), said.err
    else:
        assert said.code == 0, said.err
        found = json.loads(said.out or "null")
        assert {path: at(found, path) for path in step.then} == step.then


def test_a_service_is_replaced_by_what_was_exported(
    gcloud: Gcloud, cloud: Cloud, echo: str, name: str, tmp_path: Path
) -> None:
    gcloud.json("run", "deploy", name, f"--image={echo}", "--no-allow-unauthenticated")
    exported = gcloud("run", "services", "describe", name, "--format=export")
    file = tmp_path / "service.yaml"
    file.write_text(exported.out.replace("timeoutSeconds: 300", "timeoutSeconds: 40"))
    assert gcloud("run", "services", "replace", str(file), "--dry-run").code == 0
    assert cloud.service(name)["template"]["timeout"] == "300s"
    assert gcloud("run", "services", "replace", str(file)).code == 0
    assert cloud.service(name)["template"]["timeout"] == "40s"


def test_log_entries_are_written_and_read(gcloud: Gcloud) -> None:
    gcloud("logging", "write", "story", '{"word": "canary"}', "--payload-type=json", "--severity=ERROR")
    (entry,) = gcloud.json("logging", "read", "jsonPayload.word=canary AND severity>=WARNING", "--freshness=1h")
    assert (entry["logName"], entry["severity"]) == ("projects/demo/logs/story", "ERROR")


def test_what_is_not_stood_in_for_is_refused_and_never_passed_on(gcloud: Gcloud) -> None:
    said = gcloud("projects", "list")
    assert said.code == 1
    assert "The embedded Cloud Run does not implement GET /v1/projects" in said.err


def test_every_answer_is_of_the_form_that_google_publishes(gcloud: Gcloud) -> None:
    check_forms(gcloud, at_least=60)
