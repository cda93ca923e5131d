"""What strangers may send to the control plane, and that it is still there afterwards."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.localrun.cloud import PLACE, Cloud, service_body, write_echo_app

LIST = b"POST /v2/entries:list HTTP/1.1\r\nHost: 127.0.0.1\r\n"
HUGE = 9 * 1024 * 1024


@pytest.fixture(autouse=True)
def still_there(cloud: Cloud) -> Iterator[None]:
    yield
    assert cloud.get("/_local/status")["pid"] == cloud.process.pid
    assert cloud.process.poll() is None


def connection_to(cloud: Cloud) -> socket.socket:
    address = urlsplit(cloud.url)
    return socket.create_connection((address.hostname, address.port), timeout=10)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x00\x01\x02 nothing like HTTP\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /_local/status HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /_local/status HTTP/1.1\r\nHost: [\r\n\r\n", 400),
        (LIST + b"Content-Length: ten\r\n\r\n", 400),
        (LIST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * 300_000 + b"\r\n\r\n", 431),
        (LIST + b"Content-Length: %d\r\n\r\n" % HUGE, 413),
        (LIST + b"Content-Length: 9\r\n\r\n{not json", 400),
        (LIST + b"Content-Length: 4\r\n\r\n[42]", 400),
        (LIST + b"Content-Length: 10\r\n\r\n" + b'{"a": NaN}', 400),
        (LIST + b"Content-Length: 200000\r\n\r\n" + b"[" * 200_000, 400),
        (LIST + b"Content-Length: 2\r\n\r\n\xff\xfe", 400),
    ],
    ids=[
        "garbage", "no host", "two hosts", "a host that is none", "a wrong length", "a wrong chunk", "a huge header",
        "a huge body", "no JSON", "no object", "NaN", "deep nesting", "no text",
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(cloud: Cloud, sent: bytes, status: int) -> None:
    with connection_to(cloud) as connection:
        connection.sendall(sent)
        answer = connection.makefile("rb").readline()
    assert answer.startswith(b"HTTP/1.1 %d" % status)


def test_a_head_request_gets_no_body_and_garbage_after_it_is_still_refused(cloud: Cloud) -> None:
    with connection_to(cloud) as connection:
        connection.sendall(b"HEAD /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nnothing like HTTP\r\n\r\n")
        answer = connection.makefile("rb").read()
    first, second, body = answer.split(b"\r\n\r\n")
    assert (first.split()[1], second.split()[1]) == (b"404", b"400")
    assert json.loads(body)["error"]["code"] == 400


def test_a_huge_body_without_a_length_is_refused(cloud: Cloud) -> None:
    answer = httpx.post(f"{cloud.url}/v2/entries:list", content=(b"x" * 65536 for _ in range(HUGE // 65536)))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, 413)


@pytest.mark.parametrize("sent", [b"", b"GET /_loc", LIST, LIST + b"Content-Length: 100\r\n\r\n{"], ids=repr)
def test_half_a_request_hurts_nobody(cloud: Cloud, sent: bytes) -> None:
    with connection_to(cloud) as connection:
        connection.sendall(sent)
        assert cloud.get("/_local/status")["pid"] == cloud.process.pid


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "169.254.169.254"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/_local/status", f"/v2/{PLACE}/services"])
def test_a_web_page_cannot_talk_to_it(cloud: Cloud, path: str, headers: dict[str, str]) -> None:
    answer = cloud.http.get(path, headers=headers)
    assert (answer.status_code, answer.json()["error"]["status"]) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize("token", [{}, {"x-netra-local-token": "guessed"}], ids=["no token", "a wrong token"])
@pytest.mark.parametrize("path", ["/_local/build", "/_local/backing", "/_local/down"])
def test_what_runs_or_ends_something_needs_the_token(cloud: Cloud, path: str, token: dict[str, str]) -> None:
    assert cloud.http.post(path, json={"name": "x", "source": "/"}, headers=token).status_code == 403


@pytest.mark.parametrize("body", [{}, {"name": "x"}, {"name": 1, "source": "/"}, {"name": "x", "source": "/", "y": 1}])
def test_a_wrong_build_is_refused(cloud: Cloud, body: dict[str, object]) -> None:
    answer = cloud.http.post("/_local/build", json=body, headers=cloud.token)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_builds_and_deploys_at_once_do_not_disturb_each_other(cloud: Cloud, tmp_path: Path) -> None:
    source = write_echo_app(tmp_path / "source")

    def deploy(number: int) -> str:
        image = cloud.build(source, f"image{number % 2}")["reference"]
        return str(cloud.deploy("crowded", service_body(image, env={"VERSION": str(number)}))["etag"])

    with ThreadPoolExecutor(6) as pool:
        assert len(list(pool.map(deploy, range(6)))) == 6
    service = cloud.service("crowded")
    latest = service["latestReadyRevision"].rpartition("/")[2]
    assert service["generation"] == service["observedGeneration"] == "6"
    assert httpx.get(service["uri"]).json()["revision"] == latest
    assert len({revision["name"] for revision in cloud.revisions("crowded")}) == 6
    cloud.delete("crowded")


def test_two_creates_of_one_service_are_one_service(cloud: Cloud, echo: str, name: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: cloud.create(name, service_body(echo)), range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 409]


def test_a_service_deleted_while_it_starts_leaves_no_process(cloud: Cloud, echo: str, name: str) -> None:
    begun = cloud.create(name, service_body(echo, env={"DEAF": "1"}))
    cloud.delete(name)
    operation = cloud.finish(begun)
    assert operation["error"] == {"code": 10, "message": f"Service '{name}' was deleted meanwhile."}
    assert json.dumps(cloud.get("/_local/status")).count(f'"{name}"') == 0


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET http://us-central1-run.googleapis.com/v2/projects/demo/locations/us-central1/services", 200),
        (b"POST http://run.googleapis.com/v2/entries:list", 403),
        (b"GET http://run.googleapis.com/_local/status", 403),
        (b"GET http://storage.example/v1", 403),
        (b"GET https://run.googleapis.com/v1", 403),
        (b"CONNECT run.googleapis.com:443", 403),
    ],
    ids=["a region's host", "a path of another API", "a path of ours", "another host", "https", "a tunnel"],
)
def test_as_a_proxy_it_answers_for_googles_apis_and_passes_nothing_on(
    cloud: Cloud, request_line: bytes, status: int
) -> None:
    host = urlsplit(request_line.split()[1]).netloc or b"run.googleapis.com"
    with connection_to(cloud) as connection:
        connection.sendall(request_line + b" HTTP/1.1\r\nHost: " + host + b"\r\nContent-Length: 0\r\n\r\n")
        answer = connection.makefile("rb").readline()
    assert answer.startswith(b"HTTP/1.1 %d" % status)


def test_what_a_web_page_sends_is_refused(cloud: Cloud) -> None:
    for headers in ({"origin": "http://127.0.0.1"}, {"sec-fetch-site": "cross-site"}, {"host": "rebound.example"}):
        assert cloud.http.get("/_local/status", headers=headers).status_code == 403
