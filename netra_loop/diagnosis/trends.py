"""What a log says otherwise than in the last good session, measured by what both sessions did."""

from __future__ import annotations

from dataclasses import dataclass

from netra_loop.core.logs import SEVERE, Change, Trend
from netra_loop.diagnosis.patterns import Mined

FACTOR = 3
FEWEST = 10  # entries on the larger side: of 10 to 3 or more uneven, chance alone makes less than one in twenty


@dataclass(frozen=True, slots=True)
class Told:
    """What the log of one session told: its patterns, how many tests ran meanwhile, and whether it had more."""

    mined: Mined
    tests: int
    truncated: bool

    @property
    def is_whole(self) -> bool:
        """Whether what is not among the patterns was not said."""
        return bool(self.mined.count) and not self.truncated and not self.mined.other


def refusal(then: Told) -> str:
    """Why nothing can be compared with the last good session; empty if something can."""
    if not then.mined.count:
        return "nothing to compare with: the log has nothing of the last good session any more"
    if then.truncated:
        return "nothing is compared: the last good session wrote more than was read"
    if then.mined.other:
        return "nothing is compared: the last good session wrote more patterns than are counted"
    return "" if then.tests else "nothing is compared: no test ran against it in the last good session"


def compared(now: Told, then: Told) -> tuple[Change, ...]:
    """The patterns that changed, severe ones first, the most frequent first; none if `refusal` says why.

    What a service writes follows from the tests that ran against it, but for what it writes on its own. So a rate has
    changed only if it has both for a test and in all; and what one session lacks is claimed only if at the rate of the
    other it had to be there at least once. What was cut off now may be there: it is neither gone nor rarer.
    """
    if refusal(then):
        return ()
    ours, theirs = _counts(now), _counts(then)
    found = (_change(name, ours.get(name, 0), theirs.get(name, 0), now, then) for name in {**ours, **theirs})
    return tuple(sorted((change for change in found if change is not None), key=_rank))


def _counts(told: Told) -> dict[tuple[str, str], int]:
    return {(pattern.severity, pattern.text): pattern.count for pattern in told.mined.patterns}


def _change(name: tuple[str, str], ours: int, theirs: int, now: Told, then: Told) -> Change | None:
    trend = _rise(ours, theirs, now.tests, then.tests)
    if trend is not None:
        return Change(trend, *name, ours, theirs)
    if now.is_whole and (fall := _rise(theirs, ours, then.tests, now.tests)) is not None:
        return Change({Trend.NEW: Trend.GONE, Trend.MORE: Trend.LESS}[fall], *name, ours, theirs)
    return None


def _rise(more: int, fewer: int, tests_of_more: int, tests_of_fewer: int) -> Trend | None:
    """Whether one count is new beside another, or three times as high, also for a test."""
    if not fewer:
        return Trend.NEW if more and more * tests_of_fewer >= tests_of_more else None
    in_all = more >= max(FEWEST, FACTOR * fewer)
    for_a_test = more * tests_of_fewer >= FACTOR * fewer * tests_of_more
    return Trend.MORE if in_all and for_a_test else None


def _rank(change: Change) -> tuple[bool, int, str, str]:
    return change.severity not in SEVERE, -max(change.now, change.then), change.severity, change.text
