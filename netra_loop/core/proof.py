"""From what a test's process saw of the network to how far a pass can be believed.

First form: Python's own sockets are the only instrument, so what a C library or a child process did is out of sight,
and a pass without visible contact is UNPROVEN ("cannot tell") unless something positive shows a bypass.
"""

from __future__ import annotations

from dataclasses import dataclass

from netra_loop.core.outcome import Proof


@dataclass(frozen=True, slots=True)
class Facts:
    """What the plugin counted for one test; bytes are those exchanged with declared targets."""

    bytes_in: int = 0
    bytes_out: int = 0
    shared_bytes_in: int = 0
    others: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    asserts: int | None = None
    asserts_after: int | None = None
    replaced: tuple[str, ...] = ()
    children: int = 0
    blind: tuple[str, ...] = ()


def grade(facts: Facts | None, *, passed_on_rerun: bool = False) -> tuple[Proof, tuple[str, ...]]:
    """The proof of a passed test and the reasons for it, worst first. No facts: UNPROVEN."""
    if facts is None:
        return Proof.UNPROVEN, ("no evidence was recorded",)
    if facts.bytes_in == 0:
        return _without_contact(facts)
    doubts = tuple(_doubts(facts, passed_on_rerun))
    return (Proof.SUSPECT, doubts) if doubts else (Proof.PROVEN, ())


def _without_contact(facts: Facts) -> tuple[Proof, tuple[str, ...]]:
    if facts.replaced:
        return Proof.BYPASSED, (f"no byte from the target; transport replaced: {', '.join(facts.replaced)}",)
    if facts.refused:
        return Proof.BYPASSED, (f"connection to {', '.join(facts.refused)} failed and the test still passed",)
    if facts.others:
        return Proof.BYPASSED, (f"no byte from the target; other peers answered: {', '.join(facts.others)}",)
    if facts.shared_bytes_in:
        return Proof.UNPROVEN, ("the target was contacted only in a shared fixture",)
    if facts.blind or facts.children:
        out_of_sight = (*facts.blind, *(("child processes",) if facts.children else ()))
        return Proof.UNPROVEN, (f"no contact seen; out of sight: {', '.join(out_of_sight)}",)
    return Proof.UNPROVEN, ("no contact with the target was seen",)


def _doubts(facts: Facts, passed_on_rerun: bool) -> list[str]:
    doubts = []
    if passed_on_rerun:
        doubts.append("passed only on a rerun")
    if facts.replaced:
        doubts.append(f"transport replaced while it ran: {', '.join(facts.replaced)}")
    if facts.asserts_after is None:
        doubts.append("assertions could not be counted")
    elif facts.asserts == 0:
        doubts.append("no assertion ran")
    elif facts.asserts_after == 0:
        doubts.append("no assertion after the target's answer")
    return doubts
