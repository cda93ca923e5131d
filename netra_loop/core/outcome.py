"""How a test, an act and a session can end, and which end outweighs which."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum


class Outcome(Enum):
    """How an act, a suite or a phase ended.

    FAILED: we looked and it is wrong. ERRORED: we could not look. INCOMPLETE: we looked at less than was asked.
    """

    PASSED = "passed"
    FAILED = "failed"
    ERRORED = "errored"
    INCOMPLETE = "incomplete"
    SKIPPED = "skipped"


_BADNESS = (Outcome.SKIPPED, Outcome.PASSED, Outcome.INCOMPLETE, Outcome.ERRORED, Outcome.FAILED)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome that decides for the whole: failed > errored > incomplete > passed; INCOMPLETE for none at all."""
    return max(outcomes, key=_BADNESS.index, default=Outcome.INCOMPLETE)


class TestOutcome(Enum):
    """How one test ended. TIMEOUT: it ran when its suite was ended; NOT_RUN: collected, never started."""

    __test__ = False  # pytest would take the name for a test class

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"
    TIMEOUT = "timeout"
    NOT_RUN = "not_run"


RED_OUTCOMES = frozenset({TestOutcome.FAILED, TestOutcome.ERROR, TestOutcome.TIMEOUT})


class Proof(Enum):
    """How strongly one passed test is shown to be real; only CONFIRMED and PROVEN count."""

    CONFIRMED = "confirmed"
    PROVEN = "proven"
    UNPROVEN = "unproven"
    SUSPECT = "suspect"
    BYPASSED = "bypassed"

    @property
    def counts(self) -> bool:
        return self in (Proof.CONFIRMED, Proof.PROVEN)


class Colour(Enum):
    """The verdict of a session, from what the evidence says; the worst first."""

    UNSAFE = "UNSAFE"
    RED = "RED"
    ERROR = "ERROR"
    INCOMPLETE = "INCOMPLETE"
    GREEN = "GREEN"


EXIT_CODES = {Colour.GREEN: 0, Colour.RED: 1, Colour.INCOMPLETE: 3, Colour.ERROR: 4, Colour.UNSAFE: 30}
