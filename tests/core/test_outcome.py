"""Which ends are red, and which proofs count."""

from __future__ import annotations

import pytest

from netra_loop.core.outcome import EXIT_CODES, RED_OUTCOMES, Colour, Proof, TestOutcome


@pytest.mark.parametrize(
    ("outcome", "red"),
    [
        (TestOutcome.PASSED, False),
        (TestOutcome.FAILED, True),
        (TestOutcome.ERROR, True),
        (TestOutcome.TIMEOUT, True),
        (TestOutcome.SKIPPED, False),
        (TestOutcome.XFAILED, False),
        (TestOutcome.XPASSED, False),
        (TestOutcome.NOT_RUN, False),
    ],
)
def test_which_ends_of_a_test_are_red(outcome: TestOutcome, red: bool) -> None:
    assert (outcome in RED_OUTCOMES) is red


def test_only_two_grades_count() -> None:
    assert [proof for proof in Proof if proof.counts] == [Proof.CONFIRMED, Proof.PROVEN]


def test_the_exit_code_of_every_colour() -> None:
    assert {colour.value: EXIT_CODES[colour] for colour in Colour} == {
        "UNSAFE": 30,
        "RED": 1,
        "ERROR": 4,
        "INCOMPLETE": 3,
        "GREEN": 0,
    }
