"""Which addresses may be asked: what only this network can reach is not a target's."""

from __future__ import annotations

import pytest

from netra_loop.core.addresses import refusal

PUBLIC = ("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34")
HERE = ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1")
ELSEWHERE = {
    "0.0.0.0": "this machine",
    "::": "this machine",
    "10.0.0.1": "a private or reserved address",
    "172.16.0.1": "a private or reserved address",
    "192.168.1.1": "a private or reserved address",
    "100.64.0.1": "a private or reserved address",
    "240.0.0.1": "a private or reserved address",
    "192.0.2.1": "a private or reserved address",
    "fd00::1": "a private or reserved address",
    "fec0::1": "a private or reserved address",
    "169.254.169.254": "a link-local address, where metadata servers are",
    "fe80::1": "a link-local address, where metadata servers are",
    "fe80::1%eth0": "a link-local address, where metadata servers are",
    "::ffff:169.254.169.254": "a link-local address, where metadata servers are",
    "::ffff:a9fe:a9fe": "a link-local address, where metadata servers are",
    "::ffff:10.0.0.1": "a private or reserved address",
    "224.0.0.1": "a multicast address",
    "ff02::1": "a multicast address",
    "64:ff9b::a9fe:a9fe": "an address that stands for another",
    "2002:a9fe:a9fe::1": "an address that stands for another",
}


@pytest.mark.parametrize("address", PUBLIC)
def test_h9_a_public_address_is_asked_and_is_not_on_this_machine(address: str) -> None:
    assert refusal(address, local=False) == ""
    assert refusal(address, local=True) == f"{address} is not on this machine"


@pytest.mark.parametrize("address", HERE)
def test_h9_this_machine_is_asked_for_what_runs_on_it_and_for_nothing_else(address: str) -> None:
    assert refusal(address, local=True) == ""
    assert refusal(address, local=False) == f"{address} is this machine"


@pytest.mark.parametrize(("address", "kind"), ELSEWHERE.items())
def test_h9_what_only_this_network_reaches_is_refused(address: str, kind: str) -> None:
    assert refusal(address, local=False) == f"{address} is {kind}"
    assert refusal(address, local=True) == f"{address} is not on this machine"


def test_h9_what_is_no_address_is_refused() -> None:
    assert refusal("metadata", local=False) == "metadata is no address"
