"""What the Admin API refuses, and how it says so."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_loop.localrun.errors import ApiError
from netra_loop.localrun.services.declaration import read_declaration
from tests.localrun.cloud import PLACE, Cloud, service_body, to_latest, to_revision


def container(**fields: Any) -> dict[str, Any]:
    return {"template": {"containers": [{"image": "local/echo", **fields}]}}


REFUSED = {
    "no container": ({"template": {}}, "template.containers: the embedded Cloud Run runs exactly one container"),
    "two containers": (
        {"template": {"containers": [{"image": "a"}, {"image": "b"}]}},
        "template.containers: the embedded Cloud Run runs exactly one container",
    ),
    "no image": (container(image=""), "template.containers[0].image: must name an image"),
    "reserved PORT": (
        container(env=[{"name": "PORT", "value": "1"}]),
        "template.containers[0].env: the names PORT are reserved, the system sets them itself",
    ),
    "reserved K_SERVICE": (
        container(env=[{"name": "K_SERVICE", "value": "x"}]),
        "template.containers[0].env: the names K_SERVICE are reserved",
    ),
    "a secret": (
        container(env=[{"name": "A", "valueSource": {"secretKeyRef": {"secret": "s"}}}]),
        "template.containers[0].env[0].valueSource: the embedded Cloud Run does not support this field",
    ),
    "a variable twice": (
        container(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
        "template.containers[0].env: a name appears more than once",
    ),
    "a gRPC probe": (
        container(startupProbe={"grpc": {"service": "x"}}),
        "template.containers[0].startupProbe.grpc: the embedded Cloud Run does not support this field",
    ),
    "a negative probe": (
        container(startupProbe={"periodSeconds": -1}),
        "template.containers[0].startupProbe.periodSeconds: must not be negative",
    ),
    "a field nobody knows": (container(colour="red"), 'Unknown name "colour" at "template.containers[0]"'),
    "a list where an object belongs": ({"template": []}, "template: must be a JSON object"),
    "a number where a text belongs": (container(image=5), "template.containers[0].image: must be a string"),
    "no duration": (
        {"template": {"containers": [{"image": "a"}], "timeout": "5 minutes"}},
        "template.timeout: '5 minutes' is not a duration such as '300s'",
    ),
    "too long a timeout": (
        {"template": {"containers": [{"image": "a"}], "timeout": "3601s"}},
        "template.timeout: must be more than 0 and at most 3600 seconds",
    ),
    "percentages below 100": (
        container() | {"traffic": [to_latest(90)]},
        "traffic: percentages must sum to 100, not 90",
    ),
    "percentages above 100": (
        container() | {"traffic": [to_latest(100), to_latest(10)]},
        "traffic: percentages must sum to 100, not 110",
    ),
    "a negative percentage": (
        container() | {"traffic": [to_latest(-1)]},
        "traffic[0].percent: must be between 0 and 100, not -1",
    ),
    "an unknown revision": (
        container() | {"traffic": [to_revision("nobody-00001-abc", 100)]},
        "traffic: Revision 'nobody-00001-abc' is not found.",
    ),
    "a short tag": (
        container() | {"traffic": [to_latest(100, "ab")]},
        "traffic[0].tag: 'ab' must be at least 3 lower case letters, digits or hyphens",
    ),
    "a long tag": (
        container() | {"traffic": [to_latest(100, "t" * 45)]},
        "traffic[0].tag: tag and service name together are longer than 46 characters",
    ),
    "a tag twice": (
        container() | {"traffic": [to_latest(100, "same"), to_latest(0, "same")]},
        "traffic: each tag may be used only once",
    ),
    "an unknown way to allocate": (
        container() | {"traffic": [{"type": 9, "percent": 100}]},
        "traffic[0].type: 9 is not one of",
    ),
    "another service's revision name": (
        {"template": {"containers": [{"image": "a"}], "revision": "other-00001"}},
        "template.revision: 'other-00001' must be",
    ),
}


@pytest.mark.parametrize(("body", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_service_is_refused_and_nothing_is_created(
    cloud: Cloud, name: str, body: dict[str, Any], message: str
) -> None:
    answer = cloud.create(name, body)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert message in answer.json()["error"]["message"]
    assert cloud.http.get(f"/v2/{PLACE}/services/{name}").status_code == 404


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(data=st.data())
def test_whatever_stands_in_a_field_is_understood_or_refused(data: st.DataObject) -> None:
    body = data.draw(st.sampled_from([body for body, _ in REFUSED.values()]))
    spoiled = replace_something(body, data)
    try:
        read_declaration(spoiled, "service")
    except ApiError as refusal:
        assert (refusal.code, refusal.status) == (400, "INVALID_ARGUMENT")


def replace_something(value: Any, data: st.DataObject) -> Any:
    """The same document with some part of it replaced by any JSON."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 4)):
        key = data.draw(st.sampled_from(sorted(value)))
        return value | {key: replace_something(value[key], data)}
    if isinstance(value, list) and value and data.draw(st.integers(0, 4)):
        return [replace_something(value[0], data), *value[1:]]
    return data.draw(JSON)


@pytest.mark.parametrize("service", ["", "Upper", "1digit", "under_score", "ends-", "a" * 50], ids=repr)
def test_a_wrong_service_name_is_refused(cloud: Cloud, service: str) -> None:
    answer = cloud.create(service, container())
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("revision", ["{}-UPPER", "{}-", "{}-" + "x" * 60], ids=["upper case", "empty", "too long"])
def test_a_wrong_revision_name_is_refused(cloud: Cloud, name: str, revision: str) -> None:
    answer = cloud.create(name, service_body("local/echo", revision=revision.format(name)))
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/v2/{PLACE}/services/nobody", 404),
        ("PATCH", f"/v2/{PLACE}/services/nobody", 404),
        ("DELETE", f"/v2/{PLACE}/services/nobody", 404),
        ("GET", f"/v2/{PLACE}/services/nobody/revisions", 404),
        ("GET", f"/v2/{PLACE}/services/nobody/revisions/nobody-1", 404),
        ("GET", f"/v2/{PLACE}/operations/nobody", 404),
        ("GET", f"/v2/{PLACE}/workerPools", 501),
        ("GET", f"/v2/{PLACE}/services/nobody:getIamPolicy", 404),
        ("POST", "/v2/entries:tail", 501),
        ("GET", "/apis/serving.knative.dev/v1/namespaces/demo/domainmappings", 501),
        ("PUT", f"/v2/{PLACE}/services/nobody", 501),
        ("GET", "/", 404),
        ("GET", "/favicon.ico", 404),
    ],
)
def test_what_is_not_there_or_not_implemented_is_said_in_googles_form(
    cloud: Cloud, method: str, path: str, status: int
) -> None:
    answer = cloud.http.request(method, path, json={} if method in ("PATCH", "PUT") else None)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == status
    assert answer.json()["error"]["status"] in ("NOT_FOUND", "UNIMPLEMENTED")


def test_an_existing_service_is_not_created_again(cloud: Cloud, echo: str, name: str) -> None:
    cloud.deploy(name, service_body(echo))
    answer = cloud.create(name, service_body(echo))
    assert (answer.status_code, answer.json()["error"]["status"]) == (409, "ALREADY_EXISTS")


@pytest.mark.parametrize("mask", ["colour", "template.colour", "trafficked"])
def test_an_update_mask_that_names_no_field_is_refused(cloud: Cloud, echo: str, name: str, mask: str) -> None:
    cloud.deploy(name, service_body(echo))
    answer = cloud.patch(name, {"template": {"colour": "red"}}, updateMask=mask)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_enums_are_understood_as_numbers_and_as_names(cloud: Cloud, echo: str, name: str) -> None:
    by_number = service_body(echo, executionEnvironment=2) | {
        "ingress": 1,
        "traffic": [{"type": 1, "percent": "100"}],
    }
    by_name = service_body(echo, executionEnvironment="EXECUTION_ENVIRONMENT_GEN2") | {
        "ingress": "INGRESS_TRAFFIC_ALL",
        "traffic": [to_latest()],
    }
    first, second = cloud.deploy(name, by_number), cloud.deploy(name, by_name)
    assert first["template"] == second["template"]
    assert first["latestCreatedRevision"] == second["latestCreatedRevision"]


def test_refused_calls_are_in_the_audit_too(cloud: Cloud, name: str) -> None:
    cloud.create(name, {})
    entry = cloud.get("/_local/audit")["entries"][-1]
    assert {key: entry[key] for key in entry if key != "at"} == {
        "method": "POST",
        "path": f"/v2/{PLACE}/services",
        "action": "create_service",
        "service": name,
        "revision": None,
        "status": 400,
    }


@pytest.mark.parametrize(("field", "value"), [("command", ["a\0b"]), ("workingDir", "a\0b")])
def test_what_no_process_can_be_given_is_refused(cloud: Cloud, name: str, field: str, value: object) -> None:
    body = service_body("local/echo")
    body["template"]["containers"][0][field] = value
    answer = cloud.create(name, body)
    assert (answer.status_code, "must not hold a NUL" in answer.json()["error"]["message"]) == (400, True)
