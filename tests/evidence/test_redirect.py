"""A suite that names its real target is led elsewhere: by name or address, in whatever way Python connects."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from .conftest import Servers
from .suites import Told

Run = Callable[..., Told]

HEAD = """
import asyncio, http.client, os, socket, subprocess, sys, urllib.request
import httpx, pytest

def status(host, port):
    connection = http.client.HTTPConnection(host, port, timeout=10)
    connection.request("GET", "/")
    return connection.getresponse().status
"""

WAYS = {
    "http.client": 'assert status("shop.example.invalid", 80) == 200',
    "another port of the host": 'assert status("shop.example.invalid", 8443) == 200',
    "another spelling": 'assert status("Shop.Example.Invalid.", 80) == 200',
    "urllib": 'assert urllib.request.urlopen("http://shop.example.invalid/", timeout=10).status == 200',
    "httpx": 'assert httpx.get("http://shop.example.invalid/", trust_env=False).status_code == 200',
    "asyncio": """
    async def talk():
        reader, writer = await asyncio.open_connection("shop.example.invalid", 80)
        writer.write(b"GET / HTTP/1.1\\r\\nHost: shop\\r\\n\\r\\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
    asyncio.run(talk())""",
    "uvloop": """
    import uvloop
    async def talk():
        loop = asyncio.get_running_loop()
        assert (await loop.getaddrinfo(host="shop.example.invalid", port=80))[0][4][0] == "127.0.0.1"
        reader, writer = await asyncio.open_connection("192.0.2.7", 80)
        writer.write(b"GET / HTTP/1.1\\r\\nHost: shop\\r\\n\\r\\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
    loop = uvloop.new_event_loop()
    loop.run_until_complete(talk())
    loop.close()""",
    "a bare socket": """
    with socket.socket() as bare:
        bare.settimeout(10)
        assert bare.connect_ex(("shop.example.invalid", 80)) == 0
        bare.sendall(b"GET / HTTP/1.1\\r\\nHost: shop\\r\\n\\r\\n")
        assert bare.recv(12) == b"HTTP/1.1 200" """,
    "a name that is looked up first": """
    assert socket.gethostbyname("shop.example.invalid") == "127.0.0.1"
    assert socket.gethostbyname_ex("shop.example.invalid")[2] == ["127.0.0.1"]
    assert socket.getaddrinfo(host="shop.example.invalid", port="http")[0][4][0] == "127.0.0.1" """,
    "an address": 'assert status("192.0.2.7", 80) == 200',
    "an address in IPv6's clothes": """
    with socket.socket(socket.AF_INET6) as bare:
        bare.connect(("::ffff:192.0.2.7", 80))
        assert bare.getpeername()[1] == int(os.environ["TARGET"].split(":")[1])""",
    "a port of this machine": 'assert status("127.0.0.1", int(os.environ["CLOSED"].split(":")[1])) == 200',
    "a port of this machine, by name": 'assert status("localhost", int(os.environ["CLOSED"].split(":")[1])) == 200',
}


@pytest.fixture
def led(told: Run, servers: Servers) -> Run:
    """Run a suite for which a name, an address and a closed port of this machine lead to the target."""
    real = ("shop.example.invalid:80", "192.0.2.7", servers.closed)
    redirect = json.dumps(dict.fromkeys(real, servers.target))

    def run(source: str, *args: str) -> Told:
        return told(source, *args, env={"NETRA_LOOP_EVIDENCE_REDIRECT": redirect})

    return run


def test_every_way_of_connecting_leads_elsewhere(led: Run) -> None:
    tests = [f"def test_{number}():\n    {way.strip()}\n" for number, way in enumerate(WAYS.values())]
    run = led("\n".join([HEAD, *tests]).replace("\n", "\n    "))

    ended = [outcome for _, outcome in run.outcomes()]
    assert dict(zip(WAYS, ended, strict=True)) == dict.fromkeys(WAYS, "passed"), run.output


def test_whoever_is_no_target_is_met_as_ever(led: Run) -> None:
    run = led(f"""
    {HEAD.strip().replace(chr(10), chr(10) + "    ")}

    def test_a_neighbour():
        host, port = os.environ["DECOY"].split(":")
        with socket.create_connection((host, int(port)), timeout=10) as neighbour:
            assert neighbour.getpeername() == (host, int(port))

    def test_a_socket_of_another_kind():
        with socket.socket(socket.AF_UNIX) as one, pytest.raises(FileNotFoundError):
            one.connect("nowhere.sock")

    def test_a_datagram():
        with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            one.sendto(b"hello", other.getsockname())
            assert other.recv(10) == b"hello"
    """)

    assert {outcome for _, outcome in run.outcomes()} == {"passed"}, run.output


def test_the_suite_s_first_lines_are_led_too(led: Run) -> None:
    run = led("""
    import urllib.request
    seen = urllib.request.urlopen("http://shop.example.invalid/", timeout=10).status

    def test_it():
        assert seen == 200
    """)

    assert run.outcomes() == [("test_it", "passed")]


def test_workers_are_led_too(led: Run) -> None:
    run = led(
        """
    import socket

    def test_it():
        socket.create_connection(("shop.example.invalid", 80), timeout=10).close()
    """,
        *("-p", "xdist", "-n", "1"),
    )

    assert run.outcomes() == [("test_it", "passed")], run.output


def test_without_a_redirect_nothing_is_replaced(told: Run) -> None:
    run = told("""
    import socket

    def test_it():
        assert not hasattr(socket.gethostbyname, "__wrapped__")
    """)

    assert run.outcomes() == [("test_it", "passed")], run.output
