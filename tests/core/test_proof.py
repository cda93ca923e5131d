"""What is believed of a pass, from what its process saw of the network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netra_loop.core.outcome import Proof, TestOutcome
from netra_loop.core.proof import Control, Facts, Smell, confirmed, grade, in_contact

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
    "no contact, and every socket was watched": (
        replace(NOTHING, visible=True),
        Proof.BYPASSED,
        ("no byte from the target; every socket was watched",),
    ),
    "bytes that may be another's": (
        replace(NOTHING, unattributed=70, children=1),
        Proof.UNPROVEN,
        ("the target answered somebody: `network: alone` for the suite would tell whom",),
    ),
    "contact of the whole suite": (
        Facts(suite_bytes_in=70),
        Proof.UNPROVEN,
        ("the target was contacted only by the suite as a whole",),
    ),
    "nobody checked who answered": (
        replace(CONTACT, unverified=("a.example:443",)),
        Proof.UNPROVEN,
        ("nobody checked who answered (TLS not verified): a.example:443",),
    ),
    "nearer than any public host": (
        replace(CONTACT, too_near=("a.example:443",)),
        Proof.SUSPECT,
        ("answered faster than a public host can: a.example:443",),
    ),
    "swallowed, and vacuous": (
        replace(CONTACT, asserts_after=0, smells=(Smell.SWALLOWS,)),
        Proof.SUSPECT,
        ("no assertion after the target's answer", "a broad except swallowed a failure or could have"),
    ),
    "contact, and a declared bystander": (
        replace(CONTACT, others=("127.0.0.1:9",)),
        Proof.PROVEN,
        ("other peers answered too: 127.0.0.1:9",),
    ),
}


@pytest.mark.parametrize(("facts", "proof", "reasons"), TABLE.values(), ids=TABLE)
def test_grade(facts: Facts | None, proof: Proof, reasons: tuple[str, ...]) -> None:
    assert grade(facts) == (proof, reasons)


DEAD_PASSES = Control(dead=TestOutcome.PASSED, sabotaged=TestOutcome.FAILED)
VACUOUS = Control(dead=TestOutcome.FAILED, sabotaged=TestOutcome.PASSED)
NOTICES = Control(dead=TestOutcome.FAILED, sabotaged=TestOutcome.FAILED)
FIXTURE_BREAKS = Control(dead=TestOutcome.ERROR, sabotaged=TestOutcome.ERROR)

CONTROLLED = {
    "passes against a dead target": (CONTACT, DEAD_PASSES, Proof.BYPASSED),
    "passes against a dead target, no evidence": (None, DEAD_PASSES, Proof.BYPASSED),
    "passes against a sabotaged target": (CONTACT, VACUOUS, Proof.SUSPECT),
    "passes against a sabotaged target, met only by a fixture": (
        replace(NOTHING, shared_bytes_in=9),
        VACUOUS,
        Proof.SUSPECT,
    ),
    "a mock that is sabotaged in vain": (replace(NOTHING, replaced=("httpx.get",)), VACUOUS, Proof.BYPASSED),
    "notices": (CONTACT, NOTICES, Proof.PROVEN),
    "verifies without an assert": (replace(CONTACT, asserts=0, asserts_after=0), NOTICES, Proof.PROVEN),
    "assertions not countable, but notices": (replace(CONTACT, asserts_after=None), NOTICES, Proof.PROVEN),
    "smells, but notices": (replace(CONTACT, smells=tuple(Smell)), NOTICES, Proof.PROVEN),
    "notices, but was patched": (replace(CONTACT, replaced=("socket.socket",)), NOTICES, Proof.SUSPECT),
    "notices, but does not know whom it met": (replace(CONTACT, unverified=("a:443",)), NOTICES, Proof.UNPROVEN),
    "notices what a shared fixture met": (replace(NOTHING, shared_bytes_in=9), NOTICES, Proof.PROVEN),
    "notices what its suite met": (Facts(suite_bytes_in=9), NOTICES, Proof.PROVEN),
    "notices, but the shared fixture met an unknown": (
        replace(NOTHING, shared_bytes_in=9, unverified=("a:443",)),
        NOTICES,
        Proof.UNPROVEN,
    ),
    "a shared fixture that breaks says nothing of the test": (
        replace(NOTHING, shared_bytes_in=9),
        FIXTURE_BREAKS,
        Proof.UNPROVEN,
    ),
    "no contact is no contact, whatever the control says": (NOTHING, NOTICES, Proof.UNPROVEN),
    "no evidence is no evidence, whatever the control says": (None, NOTICES, Proof.UNPROVEN),
    "bytes that may be another's stay so": (replace(NOTHING, unattributed=9), NOTICES, Proof.UNPROVEN),
}


@pytest.mark.parametrize(("facts", "control", "proof"), CONTROLLED.values(), ids=CONTROLLED)
def test_grade_with_the_negative_control(facts: Facts | None, control: Control, proof: Proof) -> None:
    assert grade(facts, control)[0] is proof


SENSITIVE = {
    "nothing is known": (Control(), None),
    "it notices both": (NOTICES, True),
    "it passes against the dead": (DEAD_PASSES, False),
    "it passes against wrong answers": (VACUOUS, False),
    "only its fixture broke": (FIXTURE_BREAKS, None),
    "it was skipped": (Control(TestOutcome.SKIPPED, TestOutcome.SKIPPED), None),
    "it ran when the control was ended": (Control(TestOutcome.FAILED, TestOutcome.TIMEOUT), None),
    "only wrong answers were tried": (Control(None, TestOutcome.FAILED), True),
    "only the dead was tried": (Control(TestOutcome.FAILED, None), None),
}


@pytest.mark.parametrize(("control", "sensitive"), SENSITIVE.values(), ids=SENSITIVE)
def test_sensitivity(control: Control, sensitive: bool | None) -> None:
    assert control.sensitive is sensitive


@pytest.mark.parametrize("proof", [*Proof, None])
def test_the_target_s_log_only_ever_adds_to_proven(proof: Proof | None) -> None:
    assert confirmed(proof, 0) is proof
    assert confirmed(proof, 3) is (Proof.CONFIRMED if proof is Proof.PROVEN else proof)


IN_CONTACT = {
    "bytes": (CONTACT, True),
    "bytes of a shared fixture": (replace(NOTHING, shared_bytes_in=1), True),
    "none, and every socket was watched": (replace(NOTHING, visible=True, children=1), False),
    "none in a plain test": (NOTHING, False),
    "none, but a child was started": (replace(NOTHING, children=1), None),
    "none, but a C library is there": (replace(NOTHING, blind=("grpc",)), None),
    "perhaps another's": (replace(NOTHING, unattributed=1), None),
    "no evidence": (None, None),
}


@pytest.mark.parametrize(("facts", "contact"), IN_CONTACT.values(), ids=IN_CONTACT)
def test_whether_a_test_was_in_contact(facts: Facts | None, contact: bool | None) -> None:
    assert in_contact(facts) is contact


def test_a_pass_on_a_rerun_is_suspect_however_good_it_looks() -> None:
    assert grade(CONTACT, passed_on_rerun=True) == (Proof.SUSPECT, ("passed only on a rerun",))


def test_only_confirmed_and_proven_count() -> None:
    assert [proof for proof in Proof if proof.counts] == [Proof.CONFIRMED, Proof.PROVEN]
