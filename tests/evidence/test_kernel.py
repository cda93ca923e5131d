"""What the kernel tells of clients that Python's counters cannot see, and what it cannot tell whose it is."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .conftest import Servers
from .suites import Suite, Told

ALONE = {"NETRA_LOOP_EVIDENCE_ALONE": "1"}
OFF = {**ALONE, "NETRA_LOOP_EVIDENCE_KERNEL": "off"}

PRELUDE = """\
import asyncio, multiprocessing, os, subprocess, sys, threading, urllib.request
import httpx, pytest

TARGET, DECOY = "http://" + os.environ["TARGET"] + "/", "http://" + os.environ["DECOY"] + "/"

"""


@dataclass(frozen=True)
class Case:
    """A file whose tests are called after what is to be told of each.

    ``test_kernel``: bytes that only the kernel saw, if the suite is alone; ``test_own_kernel``: the same, alone or not;
    ``test_python``: bytes that Python's counters saw; ``test_shared``: bytes in a shared fixture, from the kernel;
    ``test_nothing``: none, which is certain.
    """

    sentence: str
    source: str
    needs: str = ""


CASES = [
    Case(
        "urllib",
        """
        def test_python():
            assert urllib.request.urlopen(TARGET).read() == b"ok"

        def test_nothing():
            assert True
        """,
    ),
    Case(
        "httpx on a connection kept alive across tests",
        """
        client = httpx.Client()

        def test_python():
            assert client.get(TARGET).text == "ok"

        def test_nothing():
            assert True

        def test_python_again():
            assert client.get(TARGET).text == "ok"
        """,
    ),
    Case(
        "httpx, which asks a decoy",
        """
        def test_nothing():
            assert httpx.get(DECOY).text == "ok"
        """,
    ),
    Case(
        "httpx under uvloop, on a connection kept alive across tests",
        """
        import uvloop

        loop = uvloop.new_event_loop()
        client = httpx.AsyncClient()

        def test_own_kernel():
            assert loop.run_until_complete(client.get(TARGET)).text == "ok"

        def test_nothing():
            assert True

        def test_own_kernel_again():
            assert loop.run_until_complete(client.get(TARGET)).text == "ok"

        def test_nothing_more():
            loop.run_until_complete(client.aclose())
            assert True
        """,
    ),
    Case(
        "pycurl, two connections kept alive",
        """
        import io, pycurl

        def fetch(handle):
            answer = io.BytesIO()
            handle.setopt(pycurl.URL, TARGET)
            handle.setopt(pycurl.WRITEDATA, answer)
            handle.perform()
            return answer.getvalue()

        one, other = pycurl.Curl(), pycurl.Curl()

        def test_own_kernel():
            assert fetch(one) == fetch(other) == b"ok"

        def test_nothing():
            assert True

        def test_own_kernel_again():
            assert fetch(other) == b"ok"

        def test_kernel():
            handle = pycurl.Curl()
            answer = fetch(handle)
            handle.close()
            assert answer == b"ok"

        def test_nothing_more():
            assert True
        """,
    ),
    Case(
        "gRPC, which asks for another protocol",
        """
        import grpc

        def test_kernel():
            channel = grpc.insecure_channel("ipv4:" + os.environ["TARGET"])
            with pytest.raises(grpc.RpcError):
                channel.unary_unary("/a/b")(b"", timeout=10)
        """,
    ),
    Case(
        "curl as a child",
        """
        def test_kernel():
            assert subprocess.run(["curl", "-s", TARGET], capture_output=True).stdout == b"ok"

        def test_nothing():
            assert True

        def test_kernel_twice():
            assert os.system("curl -s -o /dev/null " + TARGET) == 0
            assert os.system("curl -s -o /dev/null " + TARGET) == 0

        def test_nothing_from_a_decoy():
            assert os.system("curl -s -o /dev/null " + DECOY) == 0
        """,
        needs="curl",
    ),
    Case(
        "node as a child",
        """
        def test_kernel():
            ask = "fetch(process.env.URL).then(answer => answer.text()).then(console.log)"
            told = subprocess.run(["node", "-e", ask], env={**os.environ, "URL": TARGET}, capture_output=True)
            assert told.stdout == b"ok\\n"
        """,
        needs="node",
    ),
    Case(
        "a forked child",
        """
        def fetch():
            urllib.request.urlopen(TARGET).read()

        def test_kernel():
            child = multiprocessing.get_context("fork").Process(target=fetch)
            child.start()
            child.join()
            assert child.exitcode == 0

        def test_nothing():
            assert True
        """,
    ),
    Case(
        "a child that keeps its connection alive across tests",
        '''
        CHILD = """
        import http.client, os, sys
        connection = http.client.HTTPConnection(os.environ["TARGET"])
        for line in sys.stdin:
            connection.request("GET", "/")
            print(connection.getresponse().read().decode(), flush=True)
        """

        @pytest.fixture(scope="module")
        def ask():
            child = subprocess.Popen([sys.executable, "-c", CHILD], stdin=-1, stdout=-1, text=True, bufsize=1)
            def fetch():
                child.stdin.write("\\n")
                return child.stdout.readline().strip()
            yield fetch
            child.stdin.close()
            child.wait()

        def test_kernel(ask):
            assert ask() == "ok"

        def test_nothing(ask):
            assert True

        def test_kernel_again(ask):
            assert ask() == "ok"

        def test_nothing_after_it_ended():
            assert True
        ''',
    ),
    Case(
        "a child in a fixture of the whole module",
        """
        @pytest.fixture(scope="module")
        def answer():
            return subprocess.run(["curl", "-s", TARGET], capture_output=True).stdout

        def test_shared(answer):
            assert answer == b"ok"

        def test_nothing(answer):
            assert answer == b"ok"
        """,
        needs="curl",
    ),
]


def _module(case: Case) -> str:
    return f"test_case_{CASES.index(case):02}"


def _has_tools(case: Case) -> bool:
    return not case.needs or shutil.which(case.needs) is not None


@pytest.fixture(scope="session")
def told_under(
    tmp_path_factory: pytest.TempPathFactory, compiled: Path, servers: Servers
) -> Callable[[dict[str, str]], Told]:
    """All cases, run in one session under some environment, once for each."""
    runs: dict[str, Told] = {}

    def run(env: dict[str, str]) -> Told:
        if str(env) not in runs:
            suite = Suite(tmp_path_factory.mktemp("kernel") / "project", compiled)
            for case in filter(_has_tools, CASES):
                suite.write(f"{_module(case)}.py", PRELUDE + textwrap.dedent(case.source))
            runs[str(env)] = suite.run(targets=servers.targets, env={**servers.env, **env})
        assert runs[str(env)].exit_code == 0, runs[str(env)].output
        return runs[str(env)]

    return run


class Seen:
    """What a test's facts say of its contact: who saw bytes, and whether that is all."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.by = facts["instruments"] if facts["bytes_in"] or facts["shared_bytes_in"] else []
        self.own = facts["bytes_in"] > 0
        self.shared = facts["shared_bytes_in"] > 0
        self.somebodys = facts["unattributed"] > 0
        self.certain = facts["visible"]
        self.verified = facts["asserts_after"] > 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Seen) and vars(self) == vars(other)

    def __repr__(self) -> str:
        return str(vars(self))


def _seen(by: str = "", *, shared: bool = False, somebodys: bool = False, certain: bool = True) -> Seen:
    return Seen(
        {
            "instruments": [by],
            "bytes_in": bool(by) and not shared,
            "shared_bytes_in": bool(by) and shared,
            "unattributed": somebodys,
            "visible": certain,
            "asserts_after": bool(by) and not shared,
        }
    )


NOTHING_ELSE = _seen()
UNKNOWN = _seen(certain=False)
SOMEBODYS = _seen(somebodys=True, certain=False)

WHEN_ALONE = {
    "kernel": _seen("kernel"),
    "own_kernel": _seen("kernel"),
    "python": _seen("python"),
    "shared": _seen("kernel", shared=True),
    "nothing": NOTHING_ELSE,
}
AMONG_OTHERS = {**WHEN_ALONE, "kernel": SOMEBODYS, "shared": SOMEBODYS}
SWITCHED_OFF = {**dict.fromkeys(WHEN_ALONE, UNKNOWN), "python": _seen("python", certain=False)}


def _assert_told(case: Case, told: Told, expected: dict[str, Seen]) -> None:
    if not _has_tools(case):
        pytest.skip(f"{case.needs} is not installed")
    lines = [line for line in told.of_kind("result") if line["id"].startswith(_module(case))]
    names = [line["id"].partition("::test_")[2] for line in lines]
    kinds = [next(kind for kind in expected if name.startswith(kind)) for name in names]
    assert {name: Seen(line["facts"]) for name, line in zip(names, lines, strict=True)} == {
        name: expected[kind] for name, kind in zip(names, kinds, strict=True)
    }


each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)


@each_case
def test_a_suite_alone_on_the_network_is_told_what_its_libraries_and_children_did(
    case: Case, told_under: Callable[[dict[str, str]], Told]
) -> None:
    _assert_told(case, told_under(ALONE), WHEN_ALONE)


@each_case
def test_among_others_only_the_sockets_of_the_suites_own_process_count(
    case: Case, told_under: Callable[[dict[str, str]], Told]
) -> None:
    _assert_told(case, told_under({}), AMONG_OTHERS)


@each_case
def test_without_the_kernel_what_python_does_not_see_is_never_counted_and_never_excluded(
    case: Case, told_under: Callable[[dict[str, str]], Told]
) -> None:
    _assert_told(case, told_under(OFF), SWITCHED_OFF)
