"""Messages as the router reads them: never another one than h11 sees, and nothing that could be seen as two."""

import socket
from http.client import HTTPConnection
from urllib.parse import urlsplit

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_loop.localrun.http.message import Body, Refused, Request, read_request, take_head
from tests.localrun.cloud import Cloud, service_body

HOST = b"Host: 127.0.0.1\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST
AMBIGUOUS = {
    "two lengths": b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "two equal lengths": b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
    "a list of lengths": b"Content-Length: 4, 4\r\n\r\nabcd",
    "a signed length": b"Content-Length: +4\r\n\r\nabcd",
    "a length and chunks": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two encodings": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "an unknown encoding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a blank before the colon": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a folded header": b"X: 1\r\n Content-Length: 4\r\n\r\nabcd",
    "a bare line feed": b"X: 1\nContent-Length: 4\r\n\r\nabcd",
    "a bare carriage return": b"X: 1\rContent-Length: 4\r\n\r\nabcd",
    "a NUL": b"X: \x00\r\n\r\n",
    "a signed chunk": b"Transfer-Encoding: chunked\r\n\r\n+4\r\nabcd\r\n0\r\n\r\n",
    "a chunk with a prefix": b"Transfer-Encoding: chunked\r\n\r\n0x4\r\nabcd\r\n0\r\n\r\n",
    "a chunk that is too long": b"Transfer-Encoding: chunked\r\n\r\n4\r\nabcdefg\r\n0\r\n\r\n",
    "a trailer that is none": b"Transfer-Encoding: chunked\r\n\r\n0\r\nno trailer\r\n\r\n",
}

LINES = [
    b"GET / HTTP/1.1\r\n",
    b"POST /a?b HTTP/1.1\r\n",
    b"GET / HTTP/1.0\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n",
    b"GET /\r\n",
]
HEADERS = [
    HOST, b"Content-Length: 3\r\n", b"content-length:3 \r\n", b"Content-Length: 4\r\n",
    b"Transfer-Encoding: chunked\r\n", b"transfer-encoding: CHUNKED\r\n", b"Connection: close\r\n",
    b"X-Y: a b\t\r\n", b"X:\r\n", b" x\r\n", b"x\n",
]  # fmt: skip
BODIES = [b"abc", b"3\r\nabc\r\n", b"3;x=y\r\nabc\r\n", b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"\r\n", b"\x80", *LINES]
requests = st.builds(
    lambda line, headers, body: b"".join([line, HOST, *headers, b"\r\n", *body]),
    st.sampled_from(LINES),
    st.lists(st.sampled_from(HEADERS), max_size=3),
    st.lists(st.sampled_from(BODIES), max_size=4),
)


def ours(data: bytes) -> tuple[Request, bytes, bytes] | None:
    """The request, its body and what follows, None when it is refused or not complete."""
    arrived = bytearray(data)
    try:
        lines = take_head(arrived)
        if lines is None:
            return None
        request = read_request(lines)
        body = Body(request.framing)
        taken = body.take(arrived)
    except Refused:
        return None
    return (request, taken, bytes(arrived)) if body.done else None


@given(requests)
def test_what_is_accepted_is_what_h11_sees(data: bytes) -> None:
    seen = ours(data)
    if seen is None:
        return
    request, body, rest = seen
    oracle = h11.Connection(h11.SERVER)
    oracle.receive_data(data)
    head = oracle.next_event()
    assert isinstance(head, h11.Request)
    version = f"HTTP/{head.http_version.decode()}"
    assert (head.method, head.target, version) == (request.method, request.target, request.version)
    understood = [(name.lower(), value.lower()) for name, value in head.headers.raw_items()]
    assert understood == [(lower, value.lower()) for lower, _, value in request.headers]
    pieces = b""
    while isinstance(event := oracle.next_event(), h11.Data):
        pieces += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert (pieces, oracle.trailing_data[0]) == (body, rest)


@given(st.binary(max_size=300), st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_a_chunked_body_is_the_same_however_it_arrives(content: bytes, steps: list[int]) -> None:
    whole = b"%x;note\r\n%b\r\n0\r\nX: y\r\n\r\n" % (len(content), content) if content else b"0\r\n\r\n"
    body = Body(read_request([b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked"]).framing)
    arrived, taken, position = bytearray(), b"", 0
    while not body.done:
        step = steps[position % len(steps)]
        arrived += whole[position : position + step]
        position += step
        taken += body.take(arrived)
    assert taken == content
    assert arrived + whole[position:] == b""


@pytest.fixture(scope="module")
def uri(cloud: Cloud, echo: str) -> str:
    return str(cloud.deploy("messages", service_body(echo))["uri"])


def first_line(uri: str, request: bytes) -> bytes:
    address = urlsplit(uri)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(request)
        return connection.makefile("rb").readline()


@pytest.mark.parametrize("rest", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_what_could_be_seen_as_two_requests_is_refused(uri: str, rest: bytes) -> None:
    assert first_line(uri, POST + rest).split()[1] == b"400"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "169.254.169.254", "0.0.0.0"])
def test_another_host_than_this_machine_is_not_found(uri: str, host: str) -> None:
    assert first_line(uri, f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).split()[1] == b"404"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:1"])
def test_this_machine_has_two_names(uri: str, host: str) -> None:
    assert first_line(uri, f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).split()[1] == b"200"


def test_a_connection_that_the_instance_closed_unannounced_loses_no_request(cloud: Cloud, uri: str) -> None:
    client = HTTPConnection(urlsplit(uri).netloc, timeout=10)
    for number in range(60):
        client.request("GET", "/closes" if number % 3 == 0 else "/headers")
        answer = client.getresponse()
        answer.read()
        assert answer.status == 200
    logged = cloud.entries(f'httpRequest.requestUrl="{uri}/closes"')
    assert [entry["httpRequest"]["status"] for entry in logged] == [200] * 20


def test_a_request_that_met_a_connection_half_closed_goes_over_another(uri: str) -> None:
    client = HTTPConnection(urlsplit(uri).netloc, timeout=10)
    for path in ["/closes/late", "/headers"] * 3:
        client.request("GET", path)
        answer = client.getresponse()
        answer.read()
        assert answer.status == 200
