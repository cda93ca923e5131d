"""Whom we ask for a target. Names are looked up by a stub, and what is refused gets no packet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio
import pytest

from netra_loop.adapters.address import Address
from netra_loop.adapters.health import check_health
from netra_loop.adapters.http import Unanswered, client, fetch
from netra_loop.adapters.reach import Reach, Refused
from netra_loop.adapters.websocket import check_websocket
from netra_loop.core.health import Answer
from netra_loop.core.outcome import Outcome
from netra_loop.core.target import HealthCheck, Target, WebSocketCheck
from tests.adapters.servers import answer, answering

LOCAL = Target("backend", "backend", local=True)


@dataclass
class Stub:
    """A resolver that knows what it is told; of several answers each look-up gets the next, the last one again."""

    answers: list[Sequence[str]]
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


def address(reach: Reach, scheme: str, host: str) -> str:
    async def ask() -> str:
        return await reach.address(scheme, host, 443)

    return anyio.run(ask)


NAMES = {
    "a name of the metadata server": ["169.254.169.254"],
    "a name of this machine": ["127.0.0.1"],
    "one bad address among good ones": ["93.184.216.34", "10.0.0.1"],
    "a mapped address": ["::ffff:169.254.169.254"],
}
NUMBERS = {
    "dotted": "169.254.169.254",
    "decimal": "2852039166",
    "octal": "0251.0376.0251.0376",
    "hex": "0xa9fea9fe",
    "short": "127.1",
    "IPv6 in brackets": "[::ffff:a9fe:a9fe]",
    "zero": "0",
}


@pytest.mark.parametrize("found", NAMES.values(), ids=NAMES)
def test_h9_a_name_that_leads_into_this_network_is_refused(found: list[str]) -> None:
    with pytest.raises(Refused, match="refused to ask backend"):
        address(Reach(local=False, resolve=Stub([found])), "https", "backend.example")


@pytest.mark.parametrize("host", NUMBERS.values(), ids=NUMBERS)
def test_h9_an_address_in_numbers_is_not_looked_up_and_refused_however_it_is_spelled(host: str) -> None:
    stub = Stub([["93.184.216.34"]])
    with pytest.raises(Refused, match="refused to ask"):
        address(Reach(local=False, resolve=stub), "https", host)
    assert stub.asked == []


@pytest.mark.parametrize("scheme", ["http", "ws", "file", "ftp", ""])
def test_h9_nothing_but_tls_is_spoken_to_the_outside(scheme: str) -> None:
    with pytest.raises(Refused, match="only https is asked here"):
        address(Reach(local=False, resolve=Stub([["93.184.216.34"]])), scheme, "backend.example")


def test_h9_the_address_that_was_checked_is_the_one_that_is_connected_to() -> None:
    stub = Stub([["93.184.216.34"], ["127.0.0.1"]])
    assert address(Reach(local=False, resolve=stub), "https", "backend.example") == "93.184.216.34"
    assert stub.asked == ["backend.example"]


def ask(target: Target, url: str, stub: Stub, redirects: Sequence[str] = ()) -> Answer:
    async def asking() -> Answer:
        async with client(target, stub) as http:
            return await fetch(http, url, 5.0, redirects)

    return anyio.run(asking)


def test_h9_a_request_goes_to_the_checked_address_with_the_name_in_its_head() -> None:
    stub = Stub([["127.0.0.1"]])
    with answering(answer({})) as server:
        port = server.url.rpartition(":")[2]
        assert ask(LOCAL, f"http://backend.example:{port}/health", stub).status == 200
    assert f"Host: backend.example:{port}\r\n" in server.asked[0]


def test_h9_a_name_that_is_looked_up_otherwise_the_second_time_is_refused_then() -> None:
    stub = Stub([["127.0.0.1"], ["169.254.169.254"]])
    with answering(answer("", "302 Found", Location="/onward")) as server:
        host = f"backend.example:{server.url.rpartition(':')[2]}"
        with pytest.raises(Refused, match=r"169\.254\.169\.254 is not on this machine"):
            ask(LOCAL, f"http://{host}/health", stub, [host])
    assert len(server.asked) == 1


def test_h9_a_declared_redirect_that_leads_into_this_network_is_refused() -> None:
    with (
        answering(answer("", "302 Found", Location="http://metadata.example/token")) as server,
        pytest.raises(Refused, match="is not on this machine"),
    ):
        ask(LOCAL, server.url, Stub([["169.254.169.254"]]), ["metadata.example"])
    assert len(server.asked) == 1


def test_a_name_that_nobody_knows_is_unanswered() -> None:
    with pytest.raises(Unanswered, match=r"backend\.example has no address"):
        ask(LOCAL, "http://backend.example/", Stub([[]]))


def test_h9_probes_of_what_may_not_be_asked_could_not_look() -> None:
    target = Target("backend", "backend", health=HealthCheck("/"), websocket=WebSocketCheck("/ws"))
    with answering(answer({})) as server:
        health = anyio.run(check_health, target, Address(server.url, ""))
        socket = anyio.run(check_websocket, target, Address(server.url.replace("http", "https"), ""))

    assert (health.outcome, socket.outcome) == (Outcome.ERRORED, Outcome.ERRORED)
    assert health.reasons == ("refused to ask http://127.0.0.1: only https is asked here",)
    assert socket.reasons == ("refused to ask 127.0.0.1: 127.0.0.1 is this machine",)
    assert server.asked == []
