"""How many instances a revision has: as many as its requests need, within its bounds, and none for nobody."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.localrun.cloud import Cloud, Document, is_alive, service_body, until, write_echo_app

IMPATIENT = ("--queue-seconds", "0.3", "--instance-idle-seconds", "0.4", "--grace-seconds", "1")


class Held:
    """Requests to a service that last until they are let go."""

    def __init__(self, uri: str, until_exists: Path) -> None:
        self._uri = uri
        self._gate = until_exists
        self._pool = ThreadPoolExecutor(16)
        self._answers: list[Future[httpx.Response]] = []

    def begin(self) -> None:
        query = {"until": str(self._gate)}
        self._answers.append(self._pool.submit(httpx.get, f"{self._uri}/hold", params=query, timeout=20))

    def let_go(self) -> list[httpx.Response]:
        """The answers, in the order in which the requests began."""
        self._gate.touch()
        self._pool.shutdown()
        return [answer.result() for answer in self._answers]


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "gate"


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A server whose requests and idle instances do not wait long."""
    server = Cloud(tmp_path_factory.mktemp("impatient"), *IMPATIENT)
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def image(impatient: Cloud, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(impatient.build(write_echo_app(tmp_path_factory.mktemp("echo")))["reference"])


def instances(cloud: Cloud, service: str) -> list[Document]:
    """The instances of the only revision of a service."""
    return next(iter(cloud.instances(service).values()), [])


def loads(cloud: Cloud, service: str) -> list[int]:
    return [instance["in_flight"] for instance in instances(cloud, service)]


def process_of(uri: str) -> int:
    """The process that answers."""
    return int(httpx.get(f"{uri}/hold", params={"until": "/"}, timeout=20).json()["pid"])


def scaling(least: int = 0, most: int = 100) -> Document:
    return {"minInstanceCount": least, "maxInstanceCount": most}


def test_a_full_instance_gets_another_beside_it_and_the_least_busy_is_asked(
    cloud: Cloud, echo: str, name: str, gate: Path
) -> None:
    uri = cloud.deploy(name, service_body(echo, maxInstanceRequestConcurrency=2))["uri"]
    held = Held(uri, gate)
    for expected in ([1], [2], [2, 1], [2, 2]):
        held.begin()
        until(lambda expected=expected: loads(cloud, name) == expected, f"the loads are {expected}")  # type: ignore[misc]
    pids = [answer.json()["pid"] for answer in held.let_go()]
    assert pids[0] == pids[1] != pids[2] == pids[3]
    until(lambda: loads(cloud, name) == [0, 0], "both are idle")


def test_with_a_concurrency_of_one_no_instance_ever_has_two_requests(
    cloud: Cloud, echo: str, name: str, gate: Path
) -> None:
    body = service_body(echo, maxInstanceRequestConcurrency=1, scaling=scaling(most=2))
    uri = cloud.deploy(name, body)["uri"]

    def ask(_: int) -> list[int]:
        with httpx.Client(base_url=uri, timeout=20) as client:
            return [client.get("/hold", params={"until": str(gate)}).json()["at_once"] for _ in range(5)]

    with ThreadPoolExecutor(6) as pool:
        seen = pool.map(ask, range(6))
        until(lambda: loads(cloud, name) == [1, 1], "there are two instances, and both are full")
        gate.touch()
        assert [at_once for those in seen for at_once in those] == [1] * 30


def test_who_waits_is_next_when_a_request_ends(cloud: Cloud, echo: str, name: str, gate: Path) -> None:
    body = service_body(echo, maxInstanceRequestConcurrency=1, scaling=scaling(most=1))
    held = Held(cloud.deploy(name, body)["uri"], gate)
    held.begin()
    until(lambda: loads(cloud, name) == [1], "the first is served")
    held.begin()
    answers = held.let_go()
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["pid"] == answers[1].json()["pid"]


def test_when_all_are_full_a_request_is_answered_429(impatient: Cloud, image: str, gate: Path) -> None:
    body = service_body(image, maxInstanceRequestConcurrency=1, scaling=scaling(most=1))
    uri = impatient.deploy("full", body)["uri"]
    held = Held(uri, gate)
    held.begin()
    until(lambda: loads(impatient, "full") == [1], "the instance is full")
    refused = httpx.get(f"{uri}/late")
    assert (refused.status_code, refused.text) == (429, "Rate exceeded.")
    assert [answer.status_code for answer in held.let_go()] == [200]
    entry = impatient.entries(f'httpRequest.requestUrl="{uri}/late"')[0]
    assert (entry["severity"], entry["httpRequest"]["status"]) == ("WARNING", 429)
    assert entry["textPayload"] == "The request was aborted because there was no available instance."


def test_the_services_own_maximum_holds_for_its_revisions(impatient: Cloud, image: str, gate: Path) -> None:
    body = service_body(image, maxInstanceRequestConcurrency=1) | {"scaling": {"maxInstanceCount": 1}}
    uri = impatient.deploy("capped", body)["uri"]
    held = Held(uri, gate)
    held.begin()
    until(lambda: loads(impatient, "capped") == [1], "the instance is full")
    assert httpx.get(uri).status_code == 429
    assert [answer.status_code for answer in held.let_go()] == [200]


@pytest.mark.parametrize("where", ["revision", "service"])
def test_the_least_number_of_instances_is_kept_up_and_one_that_is_lost_is_replaced(
    cloud: Cloud, echo: str, name: str, where: str
) -> None:
    body = service_body(echo)
    (body["template"] if where == "revision" else body)["scaling"] = {"minInstanceCount": 2}
    cloud.deploy(name, body)
    first = until(lambda: len(found := instances(cloud, name)) == 2 and found, "two are up")
    os.kill(first[0]["pid"], signal.SIGKILL)
    until(
        lambda: len(found := instances(cloud, name)) == 2 and first[0]["pid"] not in {item["pid"] for item in found},
        "the lost one is replaced",
    )
    assert first[1]["pid"] in {item["pid"] for item in instances(cloud, name)}


def test_idle_instances_are_stopped_and_the_next_request_starts_one(impatient: Cloud, image: str) -> None:
    uri = impatient.deploy("idle", service_body(image))["uri"]
    kept = impatient.deploy("kept", service_body(image, scaling=scaling(least=1)))["uri"]
    held, gone = process_of(kept), process_of(uri)
    until(lambda: instances(impatient, "idle") == [] and not is_alive(gone), "the idle instance is stopped")
    assert process_of(kept) == held
    assert process_of(uri) != gone


def test_an_instance_is_not_stopped_while_it_serves(impatient: Cloud, image: str) -> None:
    uri = impatient.deploy("busy", service_body(image))["uri"]
    assert httpx.get(f"{uri}/slow", params={"seconds": 1.2}, timeout=20).status_code == 200


def test_a_websocket_counts_as_a_request(cloud: Cloud, echo: str, name: str) -> None:
    uri = cloud.deploy(name, service_body(echo, maxInstanceRequestConcurrency=1))["uri"]
    with connect(uri.replace("http", "ws")):
        assert loads(cloud, name) == [1]
        assert httpx.get(uri).status_code == 200
        assert loads(cloud, name) == [1, 0]


def test_a_start_serves_all_who_wait_for_it(cloud: Cloud, echo: str, name: str) -> None:
    uri = cloud.deploy(name, service_body(echo, env={"START_SECONDS": "0.3"}))["uri"]
    os.kill(instances(cloud, name)[0]["pid"], signal.SIGKILL)
    until(lambda: instances(cloud, name) == [], "the instance is gone")
    ready = threading.Barrier(8)

    def ask(_: int) -> int:
        ready.wait(20)
        return httpx.get(uri, timeout=20).status_code

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [200] * 8
    assert len(instances(cloud, name)) == 1


def test_the_status_tells_what_instances_and_the_server_hold(cloud: Cloud, echo: str, name: str) -> None:
    cloud.deploy(name, service_body(echo))
    (instance,) = instances(cloud, name)
    assert set(instance) == {"id", "pid", "port", "in_flight", "memory"}
    assert 2_000_000 < instance["memory"] < 500_000_000
    assert 2_000_000 < cloud.get("/_local/status")["memory"] < 500_000_000
