"""What is believed of a pass, from what its process saw of the network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netra_loop.core.outcome import Proof
from netra_loop.core.proof import Facts, grade

CONTACT = Facts(bytes_in=10, bytes_out=10, asserts=1, asserts_after=1)
NOTHING = Facts(asserts=1, asserts_after=0)

TABLE = {
    "bytes from the target, then an assertion": (CONTACT, Proof.PROVEN, ()),
    "no evidence at all": (None, Proof.UNPROVEN, ("no evidence was recorded",)),
    "no contact": (NOTHING, Proof.UNPROVEN, ("no contact with the target was seen",)),
    "sent, nothing came back": (
        replace(NOTHING, bytes_out=50),
        Proof.UNPROVEN,
        ("no contact with the target was seen",),
    ),
    "a mock": (
        replace(NOTHING, replaced=("httpx.get",)),
        Proof.BYPASSED,
        ("no byte from the target; transport replaced: httpx.get",),
    ),
    "a decoy": (
        replace(NOTHING, others=("127.0.0.1:9",)),
        Proof.BYPASSED,
        ("no byte from the target; other peers answered: 127.0.0.1:9",),
    ),
    "refused and swallowed": (
        replace(NOTHING, refused=("127.0.0.1:8",)),
        Proof.BYPASSED,
        ("connection to 127.0.0.1:8 failed and the test still passed",),
    ),
    "only in a shared fixture": (
        replace(NOTHING, shared_bytes_in=9),
        Proof.UNPROVEN,
        ("the target was contacted only in a shared fixture",),
    ),
    "a child process": (
        replace(NOTHING, children=1),
        Proof.UNPROVEN,
        ("no contact seen; out of sight: child processes",),
    ),
    "a C library": (replace(NOTHING, blind=("grpc",)), Proof.UNPROVEN, ("no contact seen; out of sight: grpc",)),
    "no assertion": (replace(CONTACT, asserts=0, asserts_after=0), Proof.SUSPECT, ("no assertion ran",)),
    "assertion before the answer": (
        replace(CONTACT, asserts_after=0),
        Proof.SUSPECT,
        ("no assertion after the target's answer",),
    ),
    "assertions not countable": (
        replace(CONTACT, asserts=None, asserts_after=None),
        Proof.SUSPECT,
        ("assertions could not be counted",),
    ),
    "patched while in contact": (
        replace(CONTACT, replaced=("socket.socket",)),
        Proof.SUSPECT,
        ("transport replaced while it ran: socket.socket",),
    ),
}


@pytest.mark.parametrize(("facts", "proof", "reasons"), TABLE.values(), ids=TABLE)
def test_grade(facts: Facts | None, proof: Proof, reasons: tuple[str, ...]) -> None:
    assert grade(facts) == (proof, reasons)


def test_a_pass_on_a_rerun_is_suspect_however_good_it_looks() -> None:
    assert grade(CONTACT, passed_on_rerun=True) == (Proof.SUSPECT, ("passed only on a rerun",))


def test_only_confirmed_and_proven_count() -> None:
    assert [proof for proof in Proof if proof.counts] == [Proof.CONFIRMED, Proof.PROVEN]
