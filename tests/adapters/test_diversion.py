"""Clients that obey proxy variables meet the false target whoever they name, and at its own address directly."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from websockets.exceptions import InvalidProxyStatus
from websockets.sync.client import connect

from netra_loop.adapters.falsetarget import false_targets
from netra_loop.adapters.suites.diversion import REDIRECT, Diversion

REAL = "shop.example.invalid:443"


@pytest.fixture(scope="module")
def sabotaged() -> Iterator[str]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(false_targets()) as targets:
        yield targets.sabotaged


@pytest.fixture
def diverted(sabotaged: str, monkeypatch: pytest.MonkeyPatch) -> Diversion:
    """The variables of a suite's process are ours."""
    diversion = Diversion(sabotaged, (REAL,))
    for name, value in diversion.variables().items():
        monkeypatch.setenv(name, value)
    return diversion


def test_every_real_target_has_its_place_in_the_redirect(diverted: Diversion) -> None:
    assert json.loads(diverted.variables()[REDIRECT]) == {REAL: diverted.false}


@pytest.mark.parametrize("url", ["http://shop.example.invalid/", "http://127.0.0.1:9/", "http://localhost:9/"])
def test_clients_are_led_away_also_from_other_ports_of_this_machine(diverted: Diversion, url: str) -> None:
    assert httpx.get(url).status_code == 503
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.build_opener().open(url, timeout=20)  # the one that is shared may be older than the variables


def test_no_tunnel_is_dug_to_a_real_target(diverted: Diversion) -> None:
    with pytest.raises(httpx.ProxyError, match="503"):
        httpx.get(f"https://{REAL}/")
    with pytest.raises(InvalidProxyStatus):
        connect(f"wss://{REAL}/ws")


def test_at_its_own_address_the_false_target_is_met_directly(diverted: Diversion) -> None:
    assert httpx.get(diverted.url).status_code == 503
    with connect(f"ws://{diverted.false}/ws") as connection:
        assert json.loads(connection.recv(20))["status"] == "sabotaged"
