"""Which bytes count for which test: one suite holds every case, each in a file of its own, run once."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from .conftest import Servers
from .suites import Suite, Told


class Some:
    """Equals every count above zero."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and other > 0

    def __repr__(self) -> str:
        return "some"


SOME = Some()
NOTHING: dict[str, Any] = {
    "bytes_in": 0,
    "bytes_out": 0,
    "shared_bytes_in": 0,
    "others": [],
    "refused": [],
    "unverified": [],
    "asserts": 0,
    "asserts_after": 0,
    "replaced": [],
    "children": 0,
    "blind": [],
    "instruments": [],
    "unattributed": 0,
    "visible": False,
    "too_near": [],
}
PROVEN = {"bytes_in": SOME, "bytes_out": SOME, "asserts": 1, "asserts_after": 1, "instruments": ["python"]}
BYPASSED = {"asserts": 1}

PRELUDE = """\
import asyncio, http.client, os, socket, ssl, subprocess, threading, urllib.request
from unittest import mock
import anyio, httpx, pytest, requests, websockets, websockets.sync.client
from starlette.applications import Starlette
from starlette.testclient import TestClient

TARGET, ENCRYPTED, WEBSOCKET, CLOSED, DECOY = (
    os.environ[name] for name in ("TARGET", "ENCRYPTED", "WEBSOCKET", "CLOSED", "DECOY")
)
ENCRYPTION = ssl.create_default_context(cafile=os.environ["CERTIFICATE"])

def connect(address):
    host, port = address.split(":")
    return socket.create_connection((host, int(port)))

def get(address):
    with urllib.request.urlopen("http://" + address) as answer:
        return answer.read()

"""


@dataclass(frozen=True)
class Case:
    """A file whose ``test_it`` leaves these facts; what is not named stays at nothing."""

    sentence: str
    source: str
    facts: dict[str, Any] = field(default_factory=dict)


CLIENTS = [
    Case(
        "urllib, asserted after the answer",
        """
        def test_it():
            assert get(TARGET) == b"ok"
        """,
        PROVEN,
    ),
    Case(
        "http.client",
        """
        def test_it():
            connection = http.client.HTTPConnection(TARGET)
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"ok"
        """,
        PROVEN,
    ),
    Case(
        "requests",
        """
        def test_it():
            assert requests.get("http://" + TARGET).text == "ok"
        """,
        PROVEN,
    ),
    Case(
        "httpx",
        """
        def test_it():
            assert httpx.get("http://" + TARGET).text == "ok"
        """,
        PROVEN,
    ),
    Case(
        "httpx, async",
        """
        async def fetch():
            async with httpx.AsyncClient() as client:
                return await client.get("http://" + TARGET)

        def test_it():
            assert asyncio.run(fetch()).text == "ok"
        """,
        PROVEN,
    ),
    Case(
        "an async test of the anyio plugin",
        """
        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        async def test_it():
            async with httpx.AsyncClient() as client:
                assert (await client.get("http://" + TARGET)).text == "ok"
        """,
        PROVEN,
    ),
    Case(
        "websockets",
        """
        def test_it():
            with websockets.sync.client.connect("ws://" + WEBSOCKET) as connection:
                connection.send("hello")
                assert connection.recv() == "hello"
        """,
        PROVEN,
    ),
    Case(
        "websockets, async",
        """
        async def echo():
            async with websockets.connect("ws://" + WEBSOCKET) as connection:
                await connection.send("hello")
                return await connection.recv()

        def test_it():
            assert asyncio.run(echo()) == "hello"
        """,
        PROVEN,
    ),
    Case(
        "asyncio streams",
        """
        async def fetch():
            reader, writer = await asyncio.open_connection(*TARGET.split(":"))
            writer.write(b"GET / HTTP/1.0\\r\\n\\r\\n")
            answer = await reader.read()
            writer.close()
            return answer

        def test_it():
            assert asyncio.run(fetch()).endswith(b"ok")
        """,
        PROVEN,
    ),
    Case(
        "a bare socket, read into a buffer",
        """
        def test_it():
            answer = bytearray(40)
            with connect(TARGET) as sock:
                sock.sendmsg([b"GET / HTTP/1.0\\r\\n", b"\\r\\n"])
                sock.recvmsg_into([answer], 0, socket.MSG_WAITALL)
            assert answer.endswith(b"ok")
        """,
        {**PROVEN, "bytes_in": 40, "bytes_out": 18},
    ),
    Case(
        "an encrypted socket, each byte once",
        """
        def test_it():
            with ENCRYPTION.wrap_socket(connect(ENCRYPTED), server_hostname="127.0.0.1") as sock:
                sock.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
                assert sock.makefile("rb").read().endswith(b"ok")
        """,
        {**PROVEN, "bytes_in": 40, "bytes_out": 18},
    ),
    Case(
        "requests, encrypted",
        """
        def test_it():
            assert requests.get("https://" + ENCRYPTED, verify=os.environ["CERTIFICATE"]).text == "ok"
        """,
        {**PROVEN, "bytes_in": 40},
    ),
    Case(
        "httpx, async and encrypted",
        """
        async def fetch():
            async with httpx.AsyncClient(verify=ENCRYPTION) as client:
                return await client.get("https://" + ENCRYPTED)

        def test_it():
            assert asyncio.run(fetch()).text == "ok"
        """,
        PROVEN,
    ),
    Case(
        "a thread of the test",
        """
        def test_it():
            answers = []
            thread = threading.Thread(target=lambda: answers.append(get(TARGET)))
            thread.start()
            thread.join()
            assert answers == [b"ok"]
        """,
        PROVEN,
    ),
    Case(
        "a connection kept alive since the test before",
        """
        @pytest.fixture(scope="session")
        def connection():
            return http.client.HTTPConnection(TARGET)

        def ask(connection):
            connection.request("GET", "/")
            return connection.getresponse().read()

        def test_before(connection):
            assert ask(connection) == b"ok"

        def test_it(connection):
            kept = connection.sock
            assert ask(connection) == b"ok" and connection.sock is kept is not None
        """,
        PROVEN,
    ),
]

PHASES = [
    Case("no network at all", "def test_it():\n    assert True\n", BYPASSED),
    Case(
        "a fixture of the test's own asks, the test asserts",
        """
        @pytest.fixture
        def answer():
            return get(TARGET)

        def test_it(answer):
            assert answer == b"ok"
        """,
        PROVEN,
    ),
    Case(
        "only a session fixture asks, and asserts",
        """
        @pytest.fixture(scope="session")
        def answer():
            answer = get(TARGET)
            assert answer
            return answer

        def test_it(answer):
            assert answer == b"ok"
        """,
        {"shared_bytes_in": SOME, "asserts": 1, "instruments": ["python"]},
    ),
    Case(
        "a shared fixture that was set up for the test before",
        """
        @pytest.fixture(scope="module")
        def answer():
            return get(TARGET)

        def test_before(answer):
            assert answer == b"ok"

        def test_it(answer):
            assert answer == b"ok"
        """,
        {"shared_bytes_in": SOME, "asserts": 1, "instruments": ["python"]},
    ),
    Case(
        "a shared fixture that a shared fixture uses, and that the test before set up",
        """
        @pytest.fixture(scope="session")
        def answer():
            return get(TARGET)

        @pytest.fixture(scope="module", autouse=True)
        def used_by_all(answer):
            return answer

        def test_before():
            assert True

        def test_it():
            assert True
        """,
        {"shared_bytes_in": SOME, "asserts": 1, "instruments": ["python"]},
    ),
    Case(
        "a shared fixture that the test asks for while it runs",
        """
        @pytest.fixture(scope="session")
        def answer():
            return get(TARGET)

        def test_before(answer):
            assert answer == b"ok"

        def test_it(request):
            assert request.getfixturevalue("answer") == b"ok"
        """,
        {"shared_bytes_in": SOME, "asserts": 1, "instruments": ["python"]},
    ),
    Case(
        "a shared fixture that only the test before uses",
        """
        @pytest.fixture(scope="module")
        def answer():
            return get(TARGET)

        def test_before(answer):
            assert answer == b"ok"

        def test_it():
            assert True
        """,
        BYPASSED,
    ),
    Case(
        "the finaliser of a shared fixture asks",
        """
        @pytest.fixture(scope="module")
        def cleanup():
            yield
            get(TARGET)

        def test_it(cleanup):
            assert True
        """,
        BYPASSED,
    ),
    Case(
        "the only assertion comes before the answer",
        """
        def test_it():
            assert TARGET
            get(TARGET)
        """,
        {**PROVEN, "asserts_after": 0},
    ),
    Case(
        "nothing is asserted",
        """
        def test_it():
            get(TARGET)
        """,
        {**PROVEN, "asserts": 0, "asserts_after": 0},
    ),
]

CHECKS = [
    Case(
        "raise_for_status of the target's answer",
        """
        def test_it():
            httpx.get("http://" + TARGET).raise_for_status()
            requests.get("http://" + TARGET).raise_for_status()
        """,
        {**PROVEN, "asserts": 2, "asserts_after": 2},
    ),
    Case(
        "raise_for_status of another's answer",
        """
        def test_it():
            requests.get("http://" + TARGET)
            requests.get("http://" + DECOY).raise_for_status()
        """,
        {**PROVEN, "asserts": 0, "asserts_after": 0, "others": ["decoy"]},
    ),
    Case(
        "a child whose success says nothing of the answer before it",
        """
        def test_it():
            get(TARGET)
            subprocess.run(["true"], check=True)
        """,
        {**PROVEN, "asserts": 0, "asserts_after": 0, "children": 1},
    ),
    Case(
        "children whose success is checked, with no answer yet",
        """
        def test_it():
            subprocess.run(["true"], check=True)
            subprocess.check_call(["true"])
            subprocess.run(["true"])
        """,
        {"asserts": 2, "children": 3},
    ),
    Case(
        "a failure by hand that was not needed",
        """
        def test_it():
            if get(TARGET) != b"ok":
                raise AssertionError("bad")
        """,
        PROVEN,
    ),
]

UNVERIFIED = {**PROVEN, "unverified": ["encrypted"]}
STRANGERS = [
    Case(
        "requests that verify nothing",
        """
        @pytest.mark.filterwarnings("ignore::Warning")
        def test_it():
            assert requests.get("https://" + ENCRYPTED, verify=False).text == "ok"
        """,
        UNVERIFIED,
    ),
    Case(
        "a certificate that is verified, but for no name",
        """
        def test_it():
            encryption = ssl.create_default_context(cafile=os.environ["CERTIFICATE"])
            encryption.check_hostname = False
            assert httpx.get("https://" + ENCRYPTED, verify=encryption).text == "ok"
        """,
        UNVERIFIED,
    ),
    Case(
        "an unverified connection kept alive since the test before",
        """
        @pytest.fixture(scope="session")
        def client():
            with httpx.Client(verify=False) as client:
                yield client

        def test_before(client):
            assert client.get("https://" + ENCRYPTED).text == "ok"

        def test_it(client):
            assert client.get("https://" + ENCRYPTED).text == "ok"
        """,
        UNVERIFIED,
    ),
    Case(
        "a shared fixture that verifies nothing",
        """
        @pytest.fixture(scope="session")
        def answer():
            return httpx.get("https://" + ENCRYPTED, verify=False).text

        def test_it(answer):
            assert answer == "ok"
        """,
        {"shared_bytes_in": SOME, "asserts": 1, "instruments": ["python"], "unverified": ["encrypted"]},
    ),
    Case(
        "asyncio without verification: every target of that host name",
        """
        async def fetch():
            async with httpx.AsyncClient(verify=False) as client:
                return await client.get("https://" + ENCRYPTED)

        def test_it():
            assert asyncio.run(fetch()).text == "ok"
        """,
        {**PROVEN, "unverified": ["target", "encrypted", "websocket", "closed"]},
    ),
]

PEERS = [
    Case(
        "a decoy on another port",
        """
        def test_it():
            assert get(DECOY) == b"ok"
        """,
        {"asserts": 1, "others": ["decoy"]},
    ),
    Case(
        "a server in the test's own process",
        """
        def test_it():
            with socket.create_server(("127.0.0.1", 0)) as server:
                client = socket.create_connection(server.getsockname())
                accepted, _ = server.accept()
                client.sendall(b"hello")
                assert accepted.recv(5) == b"hello"
        """,
        BYPASSED,
    ),
    Case(
        "a refused connection, swallowed",
        """
        def test_it():
            try:
                get(CLOSED)
            except OSError:
                pass
            assert True
        """,
        {"asserts": 1, "refused": ["closed"]},
    ),
    Case(
        "a refused connection of asyncio, swallowed",
        """
        def test_it():
            try:
                asyncio.run(asyncio.wait_for(asyncio.open_connection(*CLOSED.split(":")), 10))
            except OSError:
                pass
            assert True
        """,
        {"asserts": 1, "refused": ["closed"]},
    ),
    Case(
        "a refused connection told by a code",
        """
        def test_it():
            host, port = CLOSED.split(":")
            with socket.socket() as sock:
                assert sock.connect_ex((host, int(port))) != 0
        """,
        {"asserts": 1, "refused": ["closed"]},
    ),
    Case(
        "child processes",
        """
        def test_it():
            subprocess.run(["true"])
            subprocess.run(["/bin/true"], close_fds=False)
            os.system("true")
            assert True
        """,
        {"asserts": 1, "children": 3},
    ),
]

REPLACED = [
    Case(
        "httpx.MockTransport",
        """
        def test_it():
            transport = httpx.MockTransport(lambda request: httpx.Response(200))
            assert httpx.Client(transport=transport).get("http://" + TARGET).status_code == 200
        """,
        {"asserts": 1, "replaced": ["httpx.MockTransport"]},
    ),
    Case(
        "httpx.ASGITransport",
        """
        async def fetch():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(Starlette())) as client:
                return await client.get("http://" + TARGET)

        def test_it():
            assert asyncio.run(fetch()).status_code == 404
        """,
        {"asserts": 1, "replaced": ["httpx.ASGITransport"]},
    ),
    Case(
        "starlette's TestClient",
        """
        def test_it():
            assert TestClient(Starlette()).get("/").status_code == 404
        """,
        {"asserts": 1, "replaced": ["starlette.testclient._TestClientTransport"]},
    ),
    Case(
        "urllib by monkeypatch",
        """
        def test_it(monkeypatch):
            monkeypatch.setattr("urllib.request.urlopen", mock.MagicMock())
            assert get(TARGET)
        """,
        {"asserts": 1, "replaced": ["urllib.request.urlopen"]},
    ),
    Case(
        "httpx by monkeypatch",
        """
        def test_it(monkeypatch):
            monkeypatch.setattr(httpx.Client, "send", lambda *args, **options: httpx.Response(200))
            assert httpx.get("http://" + TARGET).status_code == 200
        """,
        {"asserts": 1, "replaced": ["httpx.Client.send"]},
    ),
    Case(
        "a patch that begins and ends inside the call",
        """
        def test_it():
            with mock.patch("requests.get"):
                assert requests.get("http://" + TARGET)
        """,
        {"asserts": 1, "replaced": ["requests.get"]},
    ),
    Case(
        "a patch as decorator",
        """
        @mock.patch.object(http.client.HTTPConnection, "request")
        def test_it(request):
            assert request is http.client.HTTPConnection.request
        """,
        {"asserts": 1, "replaced": ["http.client.HTTPConnection.request"]},
    ),
    Case(
        "the project's own name for a transport",
        """
        fetch = requests.get

        def test_it():
            with mock.patch(__name__ + ".fetch"):
                assert fetch("http://" + TARGET)
        """,
        {"asserts": 1, "replaced": ["test_case.fetch"]},
    ),
    Case(
        "a patch in force since the test before",
        """
        @pytest.fixture(scope="module")
        def patched():
            with mock.patch("requests.api.request"):
                yield

        def test_before(patched):
            assert True

        def test_it():
            assert requests.get("http://" + TARGET)
        """,
        {"asserts": 1, "replaced": ["requests.api.request"]},
    ),
    Case(
        "plain assignment",
        """
        @pytest.fixture
        def assigned():
            original, httpx.get = httpx.get, lambda url: httpx.Response(200)
            yield
            httpx.get = original

        def test_it(assigned):
            assert httpx.get("http://" + TARGET).status_code == 200
        """,
        {"asserts": 1, "replaced": ["httpx.get"]},
    ),
    Case(
        "a whole library, in the table of modules",
        """
        def test_it(monkeypatch):
            monkeypatch.setitem(__import__("sys").modules, "requests", mock.MagicMock())
            import requests
            assert requests.get("http://" + TARGET)
        """,
        {"asserts": 1, "replaced": ["requests"]},
    ),
    Case(
        "a whole library, by a patch that begins and ends inside the call",
        """
        def test_it():
            with mock.patch.dict("sys.modules", {"httpx": mock.MagicMock()}):
                import httpx
                assert httpx.get("http://" + TARGET)
        """,
        {"asserts": 1, "replaced": ["httpx"]},
    ),
    Case(
        "a client of the project's own by a fake, as far as no target answered",
        """
        class Client:
            def get(self):
                return get(TARGET)

        class FakeClient:
            def get(self):
                return b"ok"

        def test_it(monkeypatch):
            monkeypatch.setattr(__name__ + ".Client", FakeClient)
            assert Client().get() == b"ok"
        """,
        {"asserts": 1, "replaced": ["test_case.Client"]},
    ),
    Case(
        "a mock, as far as no target answered",
        """
        def test_it():
            client = mock.Mock()
            assert client.get()
        """,
        {"asserts": 1, "replaced": ["unittest.mock"]},
    ),
    Case(
        "nothing, when a mock stands beside a target that answered",
        """
        def test_it():
            listener = mock.Mock()
            listener(get(TARGET))
            assert listener.call_args[0] == (b"ok",)
        """,
        PROVEN,
    ),
    Case(
        "nothing, once the patch is over",
        """
        def test_before(monkeypatch):
            monkeypatch.setattr("urllib.request.urlopen", None)
            with mock.patch("requests.get"):
                pass

        def test_it():
            assert get(TARGET) == b"ok"
        """,
        PROVEN,
    ),
    Case(
        "nothing, when only a setting of a transport or the project's own function is patched",
        """
        def helper():
            return 1

        def test_it(monkeypatch):
            monkeypatch.setattr("requests.adapters.DEFAULT_RETRIES", 3)
            with mock.patch(__name__ + ".helper"):
                assert get(TARGET) == b"ok"
        """,
        PROVEN,
    ),
]

CASES = [*CLIENTS, *PHASES, *CHECKS, *STRANGERS, *PEERS, *REPLACED]


def _module(case: Case) -> str:
    return f"test_case_{CASES.index(case):02}"


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory, compiled: Path, servers: Servers, certificate: Path) -> Told:
    """All cases, run in one session."""
    suite = Suite(tmp_path_factory.mktemp("contact") / "project", compiled)
    for case in CASES:
        suite.write(f"{_module(case)}.py", PRELUDE + textwrap.dedent(case.source))
    env = {**servers.env, "CERTIFICATE": str(certificate), "NETRA_LOOP_EVIDENCE_KERNEL": "off"}
    told = suite.run("-p", "anyio", targets=servers.targets, env=env)
    assert told.exit_code == 0, told.output
    return told


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_the_facts_say_what_crossed_the_network_and_what_stood_in_its_way(
    case: Case, everything: Told, servers: Servers
) -> None:
    names = {address: name for name, address in vars(servers).items()}
    kept_apart = {"smells"}  # they have a table of their own

    facts = everything.result(f"{_module(case)}.py::test_it")["facts"]

    for listed in ("others", "refused", "unverified"):
        met = {names.get(address, address) for address in facts[listed]}
        facts = {**facts, listed: [name for name in vars(servers) if name in met]}
    del facts["trace"]  # tests of its own
    facts["replaced"] = [name.replace(_module(case), "test_case") for name in facts["replaced"]]
    assert {name: fact for name, fact in facts.items() if name not in kept_apart} == {**NOTHING, **case.facts}


def test_a_library_that_reaches_the_network_below_pythons_sockets_is_named(
    suite: Suite, told: Callable[..., Told]
) -> None:
    suite.write("pycurl.py", "")
    run = told("import pycurl\ndef test_it(): assert True\n")

    assert run.result("test_it")["facts"]["blind"] == ["pycurl"]


def test_a_target_whose_name_had_no_address_at_the_start_is_known_by_those_it_has_later(
    suite: Suite, servers: Servers
) -> None:
    port = servers.target.rpartition(":")[2]
    suite.write(
        "conftest.py",
        """
        import socket

        resolve, answers = socket.getaddrinfo, ["127.0.0.1", "nowhere.invalid"]

        def moving(host, *rest, **options):
            return resolve(answers.pop() if host == "shop.example.invalid" else host, *rest, **options)

        socket.getaddrinfo = moving
    """,
    )
    suite.write(
        "test_it.py",
        f"""
        import urllib.request

        def test_it():
            assert urllib.request.urlopen("http://shop.example.invalid:{port}").read() == b"ok"
    """,
    )
    run = suite.run(targets=[f"shop.example.invalid:{port}"])

    facts = run.result("test_it")["facts"]
    assert run.the("hello")["targets"] == {f"shop.example.invalid:{port}": []}
    assert (facts["bytes_in"], facts["others"]) == (SOME, []), run.output
