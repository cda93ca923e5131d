"""The router: which revision gets a request, and that every byte passes, whatever happens behind it."""

import json
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.sync.client import connect

from tests.localrun.cloud import Cloud, is_alive, service_body, to_revision, until

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module")
def service(cloud: Cloud, echo: str) -> Iterator[str]:
    """A service that all tests here may use as long as they leave it whole."""
    cloud.deploy("router", service_body(echo, timeout="20s"))
    yield "router"
    cloud.delete("router")


@pytest.fixture
def uri(cloud: Cloud, service: str) -> str:
    return str(cloud.service(service)["uri"])


@pytest.fixture
def client(uri: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=uri, timeout=20) as client:
        yield client


def raw_exchange(uri: str, request: bytes) -> bytes:
    """Send bytes to a service and read until it closes the connection."""
    address = urlsplit(uri)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while block := connection.recv(65536):
            answer += block
    return answer


def test_traffic_is_split_by_percent(cloud: Cloud, echo: str, name: str) -> None:
    cloud.deploy(name, service_body(echo, revision=f"{name}-a"))
    body = service_body(echo, revision=f"{name}-b", env={"VERSION": "b"})
    split = [to_revision(f"{name}-a", 70), to_revision(f"{name}-b", 30)]
    uri = cloud.deploy(name, body | {"traffic": split})["uri"]
    with httpx.Client(base_url=uri) as client:
        seen = Counter(client.get("/").json()["revision"] for _ in range(300))
    assert seen.total() == 300
    assert 50 <= seen[f"{name}-b"] <= 130  # 30 % of 300 is 90, and five standard deviations are 40


def test_a_tag_that_was_taken_away_is_not_found(cloud: Cloud, echo: str, name: str) -> None:
    body = service_body(echo, revision=f"{name}-a")
    service = cloud.deploy(name, body | {"traffic": [to_revision(f"{name}-a", 100, "tagged")]})
    tagged = service["trafficStatuses"][0]["uri"]
    assert httpx.get(tagged).status_code == 200
    cloud.deploy(name, {"traffic": [to_revision(f"{name}-a", 100)]}, updateMask="traffic")
    assert httpx.get(tagged).status_code == 404


def test_a_service_without_a_ready_revision_is_not_found(cloud: Cloud, echo: str, name: str) -> None:
    cloud.finish(cloud.create(name, service_body(echo, env={"CRASH": "1"})))
    assert httpx.get(cloud.service(name)["uri"]).status_code == 404


def test_the_service_is_told_who_asked_and_in_which_trace(client: httpx.Client) -> None:
    headers = client.get("/headers", headers={"x-forwarded-for": "9.9.9.9", "connection": "keep-alive"}).json()
    assert headers["x-forwarded-for"] == "9.9.9.9, 127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["forwarded"] == 'for="127.0.0.1";proto=http'
    assert headers["host"] == urlsplit(str(client.base_url)).netloc
    trace, span = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01", headers["traceparent"]).groups()  # type: ignore[union-attr]
    assert headers["x-cloud-trace-context"] == f"{trace}/{int(span, 16)};o=1"


@pytest.mark.parametrize(
    "header",
    [{"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}, {"x-cloud-trace-context": f"{TRACE}/123;o=1"}],
    ids=["traceparent", "x-cloud-trace-context"],
)
def test_a_trace_that_came_with_the_request_goes_on(client: httpx.Client, header: dict[str, str]) -> None:
    headers = client.get("/headers", headers=header).json()
    assert headers["traceparent"].split("-")[1] == TRACE
    assert headers["x-cloud-trace-context"].split("/")[0] == TRACE


def test_one_connection_serves_many_requests(uri: str) -> None:
    answer = raw_exchange(
        uri, b"GET /status?code=201 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        b"GET /status?code=202 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )  # fmt: skip
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"201", b"202"]


def test_head_and_empty_answers_keep_the_connection_whole(client: httpx.Client) -> None:
    statuses = [client.get("/status", params={"code": code}).status_code for code in (200, 404, 500, 200)]
    assert statuses == [200, 404, 500, 200]


def test_head_has_the_length_and_no_body(client: httpx.Client) -> None:
    answers = [client.request(method, "/") for method in ("HEAD", "GET", "HEAD")]
    assert len({answer.headers["content-length"] for answer in answers}) == 1
    assert [bool(answer.content) for answer in answers] == [False, True, False]


def test_a_client_may_ask_whether_to_go_on_before_it_sends(uri: str) -> None:
    address = urlsplit(uri)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nConnection: close\r\n"
        connection.sendall(head + b"Expect: 100-continue\r\n\r\n")
        answer = connection.makefile("rb")
        assert answer.readline().split()[1] == b"100"
        connection.sendall(b"body")
        assert b'{"size": 4' in answer.read()


def test_an_answer_without_a_length_arrives_whole(client: httpx.Client) -> None:
    assert client.get("/until_close").text == "until the end"


def test_an_http_1_0_client_is_served(uri: str) -> None:
    answer = raw_exchange(uri, b"GET / HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert json.loads(answer.rpartition(b"\r\n\r\n")[2])["revision"].startswith("router-")


def test_a_stream_is_passed_on_as_it_comes(uri: str) -> None:
    with httpx.stream("GET", f"{uri}/stream", timeout=10) as response:
        lines = response.iter_lines()
        assert next(line for line in lines if line) == "data: first"
        httpx.get(f"{uri}/release")
        assert next(line for line in lines if line) == "data: second"


@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "with a length"])
def test_an_upload_is_passed_on_as_it_comes(uri: str, chunked: bool) -> None:
    half = b"x" * 50_000

    def body() -> Iterator[bytes]:
        yield half
        until(lambda: httpx.get(f"{uri}/seen").json()["size"] == len(half), "the service has the first half")
        yield half

    headers = {} if chunked else {"content-length": str(2 * len(half))}
    answer = httpx.post(uri, content=body(), headers=headers, timeout=20)
    assert answer.json()["size"] == 2 * len(half)


def test_a_large_body_passes_unchanged_both_ways(client: httpx.Client) -> None:
    assert client.post("/", content=b"a" * 5_000_000).json()["size"] == 5_000_000


def test_a_websocket_is_spliced_through(uri: str) -> None:
    with connect(uri.replace("http", "ws") + "/ws") as socket_:
        for text in ("one", "two", "three"):
            socket_.send(text)
            assert socket_.recv(timeout=10) == text


def test_a_request_that_takes_too_long_is_answered_504(cloud: Cloud, echo: str, name: str) -> None:
    uri = cloud.deploy(name, service_body(echo, timeout="0.3s"))["uri"]
    answer = httpx.get(f"{uri}/slow", params={"seconds": 5})
    assert (answer.status_code, answer.text) == (504, "upstream request timeout")


def test_a_websocket_ends_with_the_request_timeout(cloud: Cloud, echo: str, name: str) -> None:
    uri = cloud.deploy(name, service_body(echo, timeout="0.3s"))["uri"]
    with connect(uri.replace("http", "ws")) as socket_:
        until(lambda: socket_.close_code is not None or socket_.state.name == "CLOSED", "the connection is closed")


def test_an_instance_that_dies_is_answered_for_and_replaced(cloud: Cloud, echo: str, name: str) -> None:
    uri = cloud.deploy(name, service_body(echo, revision=f"{name}-a"))["uri"]
    before = cloud.instances(name)[f"{name}-a"][0]
    assert httpx.get(f"{uri}/die").status_code == 503
    assert httpx.get(uri).status_code == 200
    after = cloud.instances(name)[f"{name}-a"][0]
    assert before["pid"] != after["pid"]
    assert not is_alive(before["pid"])


def test_a_request_that_an_instance_died_of_is_not_sent_again(cloud: Cloud, echo: str, name: str) -> None:
    body = service_body(echo, scaling={"minInstanceCount": 2})
    uri = cloud.deploy(name, body)["uri"]
    until(lambda: [len(found) for found in cloud.instances(name).values()] == [2], "two are up")
    assert [httpx.get(f"{uri}{path}").status_code for path in ("/", "/die")] == [200, 503]
    query = f'resource.labels.service_name="{name}" AND textPayload:"Container called exit"'
    exits = until(lambda: cloud.entries(query), "its end is told")
    until(lambda: [len(found) for found in cloud.instances(name).values()] == [2], "the lost one is replaced")
    assert [entry["textPayload"] for entry in exits] == ["Container called exit(7)."]


def test_an_answer_that_breaks_off_does_not_look_complete(cloud: Cloud, echo: str, name: str) -> None:
    uri = cloud.deploy(name, service_body(echo))["uri"]
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{uri}/cut")


def test_an_answer_that_is_no_http_is_answered_502(client: httpx.Client) -> None:
    assert client.get("/garbage").status_code == 502


def test_a_client_that_leaves_frees_the_instance(cloud: Cloud, client: httpx.Client, uri: str) -> None:
    with httpx.stream("GET", f"{uri}/stream", timeout=10) as response:
        next(response.iter_lines())
    entry = until(
        lambda: cloud.entries(f'httpRequest.requestUrl="{uri}/stream" AND httpRequest.latency<5s'),
        "the abandoned request is logged",
    )[-1]
    assert entry["httpRequest"]["status"] == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * 300_000 + b"\r\n\r\n", b"431"),
        (b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n", b"400"),
    ],
    ids=["TLS", "no host", "a whole URL", "huge header", "bad chunk"],
)
def test_garbage_is_refused_and_the_service_goes_on(uri: str, request_: bytes, status: bytes) -> None:
    assert raw_exchange(uri, request_).split(b" ")[1] == status
    assert httpx.get(uri).status_code == 200


def test_a_traffic_switch_under_load_loses_no_request(cloud: Cloud, echo: str, name: str) -> None:
    cloud.deploy(name, service_body(echo, revision=f"{name}-a"))
    uri = cloud.service(name)["uri"]
    finished = threading.Event()

    def ask_until_finished(_: int) -> Counter[tuple[int, str]]:
        seen: Counter[tuple[int, str]] = Counter()
        with httpx.Client(base_url=uri, timeout=20) as client:
            while not finished.is_set():
                answer = client.get("/")
                seen[answer.status_code, answer.json()["revision"]] += 1
        return seen

    with ThreadPoolExecutor(16) as pool:
        running = [pool.submit(ask_until_finished, number) for number in range(16)]
        for revision in ("b", "c"):
            body = service_body(echo, revision=f"{name}-{revision}", env={"VERSION": revision})
            cloud.deploy(name, body)
        for revision in ("a", "b", "c", "a"):
            cloud.deploy(name, {"traffic": [to_revision(f"{name}-{revision}", 100)]}, updateMask="traffic")
        finished.set()
        seen = sum((task.result() for task in running), Counter[tuple[int, str]]())
    assert {status for status, _ in seen} == {200}
    assert {revision for _, revision in seen} == {f"{name}-{letter}" for letter in "abc"}
