"""The requests of a test name it to its target, so that the target's own log can confirm the test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from websockets.sync.server import ServerConnection, serve

from .suites import Suite, Told

OWN_TRACE = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"

SOURCE = """
    import asyncio, os, urllib.request
    import httpx, pytest, requests
    from websockets.asyncio.client import connect as connect_async
    from websockets.sync.client import connect

    TARGET, OTHER = "http://" + os.environ["TARGET"], "http://" + os.environ["DECOY"]
    SOCKET = "ws://" + os.environ["WEBSOCKET"]

    def test_urllib():
        urllib.request.urlopen(TARGET + "/urllib").close()

    def test_requests():
        requests.get(TARGET + "/requests", timeout=5)

    def test_httpx():
        httpx.get(TARGET + "/httpx")

    def test_httpx_async():
        async def ask():
            async with httpx.AsyncClient() as client:
                await client.get(TARGET + "/httpx_async")
        asyncio.run(ask())

    def test_websocket():
        with connect(SOCKET + "/websocket") as connection:
            connection.send("hello")
            assert connection.recv() == "hello"

    def test_websocket_async():
        async def ask():
            async with connect_async(SOCKET + "/websocket_async") as connection:
                await connection.send("hello")
                assert await connection.recv() == "hello"
        asyncio.run(ask())

    def test_own_trace():
        httpx.get(TARGET + "/own_trace", headers={"traceparent": "OWN_TRACE"})

    def test_own_agent():
        urllib.request.urlopen(urllib.request.Request(TARGET + "/own_agent", headers={"User-Agent": "mine/1"})).close()

    def test_redirected():
        httpx.get(TARGET + "/away?" + OTHER + "/redirected", follow_redirects=True)

    def test_other():
        urllib.request.urlopen(OTHER + "/other").close()
        httpx.get(OTHER + "/other")

    @pytest.fixture(scope="session")
    def shared():
        return httpx.get(TARGET + "/shared")

    def test_shared(shared):
        pass

    @pytest.mark.parametrize("n", [1, 2])
    def test_twice(n):
        httpx.get(TARGET + f"/twice{n}")
""".replace("OWN_TRACE", OWN_TRACE)


@dataclass
class Met:
    """What each path was asked with: the trace id and the user agent; none for a request without a trace."""

    requests: dict[str, tuple[str, str]] = field(default_factory=dict)

    def note(self, path: str, trace: str, agent: str) -> None:
        self.requests[path] = (trace.split("-")[1] if trace else "", agent)


@pytest.fixture(scope="module")
def met() -> Met:
    return Met()


@pytest.fixture(scope="module")
def addresses(met: Met) -> Iterator[dict[str, str]]:
    """A target, a WebSocket target and another server; all three write down what they are asked."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            met.note(self.path, self.headers.get("traceparent", ""), self.headers.get("user-agent", ""))
            path, _, elsewhere = self.path.partition("?")
            self.send_response(307 if path == "/away" else 200)
            if elsewhere:
                self.send_header("location", elsewhere)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Nobody reads it."""

    def echo(connection: ServerConnection) -> None:
        asked = connection.request
        assert asked is not None
        met.note(asked.path, asked.headers.get("traceparent", ""), asked.headers.get("user-agent", ""))
        for message in connection:
            connection.send(message)

    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Answer) for _ in range(2)]
    with serve(echo, "127.0.0.1", 0) as websockets:
        for serve_forever in (websockets.serve_forever, *(server.serve_forever for server in servers)):
            threading.Thread(target=serve_forever, daemon=True).start()
        ports = [server.server_port for server in servers]
        yield {
            "TARGET": f"127.0.0.1:{ports[0]}",
            "DECOY": f"127.0.0.1:{ports[1]}",
            "WEBSOCKET": f"127.0.0.1:{websockets.socket.getsockname()[1]}",
        }
        for server in servers:
            server.shutdown()
            server.server_close()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, compiled: object, addresses: dict[str, str]) -> Told:
    suite = Suite(tmp_path_factory.mktemp("traced") / "project", compiled)  # type: ignore[arg-type]
    suite.write("test_it.py", SOURCE)
    done = suite.run(targets=[addresses["TARGET"], addresses["WEBSOCKET"]], env=addresses)
    assert done.exit_code == 0, done.output
    return done


def trace_of(told: Told, test: str) -> str:
    return str(told.result(test)["facts"]["trace"])


@pytest.mark.parametrize("client", ["urllib", "requests", "httpx", "httpx_async", "websocket", "websocket_async"])
def test_a_request_to_a_target_carries_its_test_s_trace(told: Told, met: Met, client: str) -> None:
    trace, agent = met.requests[f"/{client}"]

    assert trace == trace_of(told, f"test_{client}")
    assert len(trace) == 32
    assert agent.endswith(f" netra-loop/{trace[:16]}")


def test_each_test_has_a_trace_of_its_own(told: Told, met: Met) -> None:
    traces = [trace_of(told, f"test_twice[{n}]") for n in (1, 2)]

    assert [met.requests[f"/twice{n}"][0] for n in (1, 2)] == traces
    assert len({*traces, trace_of(told, "test_httpx")}) == 3


def test_a_test_s_own_trace_and_user_agent_stay(told: Told, met: Met) -> None:
    assert met.requests["/own_trace"][0] == OWN_TRACE.split("-")[1]
    assert trace_of(told, "test_own_trace") == ""
    assert met.requests["/own_agent"][1] == f"mine/1 netra-loop/{trace_of(told, 'test_own_agent')[:16]}"


def test_nobody_but_targets_is_told(told: Told, met: Met) -> None:
    assert met.requests["/other"][0] == met.requests["/redirected"][0] == ""
    assert "netra-loop" not in met.requests["/other"][1] + met.requests["/redirected"][1]
    assert trace_of(told, "test_other") == ""
    assert trace_of(told, "test_redirected") != ""


def test_what_a_shared_fixture_asks_is_no_test_s(told: Told, met: Met) -> None:
    assert met.requests["/shared"][0] == trace_of(told, "test_shared") == ""


def test_tracing_replaces_no_transport(told: Told) -> None:
    assert [line["facts"]["replaced"] for line in told.of_kind("result")] == [[]] * len(told.of_kind("result"))


def test_a_suite_can_be_left_without_traces(suite: Suite, addresses: dict[str, str], met: Met) -> None:
    suite.write(
        "test_it.py",
        "import os, urllib.request\n\ndef test_untraced():\n    ADDRESS\n".replace(
            "ADDRESS", 'urllib.request.urlopen("http://" + os.environ["TARGET"] + "/untraced").close()'
        ),
    )
    done = suite.run(targets=[addresses["TARGET"]], env={**addresses, "NETRA_LOOP_EVIDENCE_TRACE": "off"})

    assert done.exit_code == 0
    assert met.requests["/untraced"][0] == done.result("test_untraced")["facts"]["trace"] == ""
