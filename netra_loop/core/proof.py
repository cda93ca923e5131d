"""From what was seen of a test to how far its pass can be believed: one pure function and the facts it judges.

A pass counts when bytes came from a declared target during the test and the test verified something after them, or
when the negative control shows that it does. Whatever cannot be told is UNPROVEN, never more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from netra_loop.core.outcome import Proof, TestOutcome


class Smell(Enum):
    """What a test's source or its run says against it; weak evidence each, which a control can refute."""

    SWALLOWS = "swallows"
    CONSTANT = "constant"
    ACCEPTS_ANYTHING = "accepts_anything"
    NEVER_RAN = "never_ran"
    OPTIMISED = "optimised"


_SMELLS = {
    Smell.SWALLOWS: "a broad except swallowed a failure or could have",
    Smell.CONSTANT: "an assertion compares constants, or a thing with itself",
    Smell.ACCEPTS_ANYTHING: "an assertion accepts success and failure of the target alike",
    Smell.NEVER_RAN: "some of its own assertions never ran",
    Smell.OPTIMISED: "assertions were compiled away",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What was counted for one test; bytes are those exchanged with declared targets.

    shared_bytes_in: to wider fixtures that the test uses. suite_bytes_in: to its suite, where tests cannot be told
    apart. unattributed: in its time, but perhaps another's. visible: no socket of the test or its children was out of
    sight. instruments: who saw bytes from the target. too_near: public targets that answered faster than any can.
    trace: the id by which the targets' own log knows its requests, empty where none carried it.
    """

    bytes_in: int = 0
    bytes_out: int = 0
    shared_bytes_in: int = 0
    suite_bytes_in: int = 0
    unattributed: int = 0
    visible: bool = False
    instruments: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()
    too_near: tuple[str, ...] = ()
    asserts: int | None = None
    asserts_after: int | None = None
    smells: tuple[Smell, ...] = ()
    replaced: tuple[str, ...] = ()
    children: int = 0
    blind: tuple[str, ...] = ()
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Control:
    """How the same test ended against a dead target and against a sabotaged one; None where that is not known."""

    dead: TestOutcome | None = None
    sabotaged: TestOutcome | None = None

    @property
    def sensitive(self) -> bool | None:
        """Whether the test notices what is wrong with its target.

        True only if its own body failed on wrong answers: a fixture that failed before it says nothing of the test.
        """
        if TestOutcome.PASSED in (self.dead, self.sabotaged):
            return False
        return True if self.sabotaged is TestOutcome.FAILED else None


Graded = tuple[Proof, tuple[str, ...]]
_NO_CONTROL = Control()


def grade(facts: Facts | None, control: Control = _NO_CONTROL, *, passed_on_rerun: bool = False) -> Graded:
    """The proof of a passed test and the reasons for it, worst first; a PROVEN test may have remarks.

    The rules are those of the negative control first, then of contact, then of verification. No facts: UNPROVEN.
    """
    if control.dead is TestOutcome.PASSED:
        return Proof.BYPASSED, ("it passes against a dead target",)
    if control.sabotaged is TestOutcome.PASSED and facts is not None and may_have_met(facts):
        return Proof.SUSPECT, ("it passes against a sabotaged target",)
    if facts is None:
        return Proof.UNPROVEN, ("no evidence was recorded",)
    if facts.bytes_in == 0:
        return _without_contact(facts, control, passed_on_rerun)
    return _with_contact(facts, control, passed_on_rerun)


def confirmed(proof: Proof | None, requests: int) -> Proof | None:
    """The proof once the target's own log was asked: requests of this test that it says the tested revision served.

    It only adds: a log that is late, sampled or unreadable takes nothing away.
    """
    return Proof.CONFIRMED if proof is Proof.PROVEN and requests > 0 else proof


def in_contact(facts: Facts | None) -> bool | None:
    """Whether the target answered the test at all; None where that cannot be told."""
    if facts is None:
        return None
    if facts.bytes_in or facts.shared_bytes_in:
        return True
    out_of_sight = facts.blind or facts.children or facts.unattributed or facts.suite_bytes_in
    return False if facts.visible or not out_of_sight else None


def may_have_met(facts: Facts) -> bool:
    """Whether any byte of the target may have been this test's."""
    return bool(facts.bytes_in or facts.shared_bytes_in or facts.suite_bytes_in or facts.unattributed)


def _without_contact(facts: Facts, control: Control, passed_on_rerun: bool) -> Graded:
    if facts.replaced:
        return Proof.BYPASSED, (f"no byte from the target; transport replaced: {', '.join(facts.replaced)}",)
    if facts.refused:
        return Proof.BYPASSED, (f"connection to {', '.join(facts.refused)} failed and the test still passed",)
    if facts.others:
        return Proof.BYPASSED, (f"no byte from the target; other peers answered: {', '.join(facts.others)}",)
    if facts.shared_bytes_in or facts.suite_bytes_in:
        return _beyond_the_test(facts, control, passed_on_rerun)
    if facts.unattributed:
        return Proof.UNPROVEN, ("the target answered somebody: `network: alone` for the suite would tell whom",)
    if facts.visible:
        return Proof.BYPASSED, ("no byte from the target; every socket was watched",)
    if facts.blind or facts.children:
        out_of_sight = (*facts.blind, *(("child processes",) if facts.children else ()))
        return Proof.UNPROVEN, (f"no contact seen; out of sight: {', '.join(out_of_sight)}",)
    return Proof.UNPROVEN, ("no contact with the target was seen",)


def _beyond_the_test(facts: Facts, control: Control, passed_on_rerun: bool) -> Graded:
    """The target answered a shared fixture or the suite; that it matters to this very test only the control shows."""
    where = "in a shared fixture" if facts.shared_bytes_in else "by the suite as a whole"
    contact = f"the target was contacted only {where}"
    if control.sensitive is not True:
        return Proof.UNPROVEN, (contact,)
    if passed_on_rerun:
        return Proof.SUSPECT, ("passed only on a rerun",)
    if facts.unverified:
        return _not_identified(facts)
    return Proof.PROVEN, (f"{contact}, and this test fails on wrong answers",)


def _with_contact(facts: Facts, control: Control, passed_on_rerun: bool) -> Graded:
    doubts = [*_doubts(facts, passed_on_rerun), *(() if control.sensitive else _vacuity(facts))]
    if doubts:
        return Proof.SUSPECT, tuple(doubts)
    if facts.unverified:
        return _not_identified(facts)
    return Proof.PROVEN, (f"other peers answered too: {', '.join(facts.others)}",) if facts.others else ()


def _not_identified(facts: Facts) -> Graded:
    return Proof.UNPROVEN, (f"nobody checked who answered (TLS not verified): {', '.join(facts.unverified)}",)


def _doubts(facts: Facts, passed_on_rerun: bool) -> Iterator[str]:
    """What speaks against a pass whatever the test verifies."""
    if passed_on_rerun:
        yield "passed only on a rerun"
    if facts.replaced:
        yield f"transport replaced while it ran: {', '.join(facts.replaced)}"
    if facts.too_near:
        yield f"answered faster than a public host can: {', '.join(facts.too_near)}"


def _vacuity(facts: Facts) -> Iterator[str]:
    """What says that a test in contact verifies nothing, unless the control shows that it does."""
    if facts.asserts_after is None:
        yield "assertions could not be counted"
    elif facts.asserts == 0:
        yield "no assertion ran"
    elif facts.asserts_after == 0:
        yield "no assertion after the target's answer"
    yield from (_SMELLS[smell] for smell in facts.smells)
