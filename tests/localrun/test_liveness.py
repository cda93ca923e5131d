"""Liveness probes: an instance that is stuck is killed and another takes its place."""

import httpx
import pytest

from tests.localrun.cloud import Cloud, Document, service_body, until

OFTEN = {"periodSeconds": 1, "failureThreshold": 1}


@pytest.mark.parametrize(
    ("kind", "probe", "fault"),
    [("HTTP", {"httpGet": {"path": "/health"}}, "sicken"), ("TCP", {"tcpSocket": {}}, "deafen")],
    ids=["HTTP", "TCP"],
)
def test_an_instance_that_fails_its_probe_is_replaced(
    cloud: Cloud, echo: str, name: str, kind: str, probe: Document, fault: str
) -> None:
    body = service_body(echo, revision=f"{name}-a", scaling={"minInstanceCount": 1})
    body["template"]["containers"][0]["livenessProbe"] = OFTEN | probe
    uri = cloud.deploy(name, body)["uri"]
    before = cloud.instances(name)[f"{name}-a"][0]["pid"]
    with httpx.Client(base_url=uri, timeout=20) as client:
        assert client.get(f"/{fault}").status_code == 200
        assert (
            client.get("/slow", params={"seconds": 10}).status_code == 503
        )  # it is killed, and what it serves is lost
    until(
        lambda: [item["pid"] for item in cloud.instances(name)[f"{name}-a"]] not in ([], [before]),
        "another took its place",
    )
    assert httpx.get(f"{uri}/health").status_code == 200
    words = cloud.entries(f'resource.labels.revision_name="{name}-a" AND textPayload:"LIVENESS"')
    assert [(entry["severity"], entry["textPayload"]) for entry in words] == [
        ("ERROR", f"LIVENESS {kind} probe failed. The instance was shut down.")
    ]


def test_a_healthy_instance_stays(cloud: Cloud, echo: str, name: str) -> None:
    body = service_body(echo, revision=f"{name}-a")
    body["template"]["containers"][0]["livenessProbe"] = OFTEN | {"httpGet": {"path": "/health"}}
    uri = cloud.deploy(name, body)["uri"]
    before = cloud.instances(name)[f"{name}-a"][0]["pid"]
    assert httpx.get(f"{uri}/slow", params={"seconds": 1.5}, timeout=20).status_code == 200
    assert [item["pid"] for item in cloud.instances(name)[f"{name}-a"]] == [before]
