"""What a negative control says of a suite: whether its tests notice that their target is gone, or wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from netra_loop.core.outcome import Outcome, TestOutcome, worst
from netra_loop.core.proof import Control
from netra_loop.core.seen import ControlSeen

_ENDED = {"timeout": "timed_out", "idle": "idle", "stop": "stopped"}
_SAYS_NOTHING = frozenset({TestOutcome.SKIPPED, TestOutcome.NOT_RUN})


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A suite's tests against one false target. ended_by: `itself`, `timeout`, `idle` or `stop`.

    began: the suite told anything at all; broken: what could not be collected; missing: collected tests without an end.
    unmet: tests that no byte of the false target reached, where that is known.
    """

    tests: Mapping[str, TestOutcome]
    ended_by: str
    began: bool
    broken: tuple[str, ...] = ()
    missing: int = 0
    unmet: frozenset[str] = frozenset()

    @property
    def noticed(self) -> dict[str, TestOutcome]:
        """How its tests ended; one that failed without a byte of the false target, as by TLS, did not notice wrong
        answers: it is an ERROR.
        """
        failed = (name for name, outcome in self.tests.items() if outcome is TestOutcome.FAILED)
        return {**self.tests, **dict.fromkeys(self.unmet.intersection(failed), TestOutcome.ERROR)}


@dataclass(frozen=True, slots=True)
class StillPassing:
    """A test that passes without its target; against: `dead`, `sabotaged`, or both."""

    test: str
    against: tuple[str, ...]


def still_passing(seen: ControlSeen) -> tuple[StillPassing, ...]:
    """The tests that noticed nothing, by name."""
    tests = sorted({*seen.dead, *seen.sabotaged})
    found = (StillPassing(test, _passes_against(seen, test)) for test in tests)
    return tuple(each for each in found if each.against)


def _passes_against(seen: ControlSeen, test: str) -> tuple[str, ...]:
    each = {"dead": seen.dead, "sabotaged": seen.sabotaged}
    return tuple(name for name, tests in each.items() if tests.get(test) is TestOutcome.PASSED)


def by_test(seen: ControlSeen) -> dict[str, Control]:
    """What it says of each test.

    Tests that share a name are numbered as they come, perhaps in another order each time: each gets the worst of all.
    """
    names = {**seen.dead, **seen.sabotaged}
    namesakes: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        namesakes[_unnumbered(name, names)].append(name)
    return {
        name: Control(_least_noticed(seen.dead, alike), _least_noticed(seen.sabotaged, alike))
        for alike in namesakes.values()
        for name in alike
    }


def _unnumbered(name: str, names: Collection[str]) -> str:
    """The name that a test shares with others, for one that was numbered."""
    shared, _, number = name.rpartition("#")
    return shared if number.isdigit() and shared in names else name


def _least_noticed(ends: Mapping[str, TestOutcome], names: Iterable[str]) -> TestOutcome | None:
    """The end that says least for tests that may have changed places; None where one is not known."""
    found = [ends.get(name) for name in names]
    for end in (TestOutcome.PASSED, None):
        if end in found:
            return end
    return next((end for end in found if end is not TestOutcome.FAILED), TestOutcome.FAILED)


def judge_control(seen: ControlSeen) -> tuple[Outcome, tuple[str, ...]]:
    """FAILED when a test still passes, INCOMPLETE when none said anything, else PASSED."""
    count = len(still_passing(seen))
    if count:
        return Outcome.FAILED, (f"{count} {'test still passes' if count == 1 else 'tests still pass'}",)
    if not {*seen.dead.values(), *seen.sabotaged.values()} - _SAYS_NOTHING:
        return Outcome.INCOMPLETE, ("all_skipped",)
    return Outcome.PASSED, ()


def judge_rehearsals(seen: ControlSeen, rehearsals: Mapping[str, Rehearsal]) -> tuple[Outcome, tuple[str, ...]]:
    """The same, and worse for whatever kept the tests from being told to their end."""
    outcome, reasons = judge_control(seen)
    findings = [(each, f"{name}: {why}") for name, rehearsal in rehearsals.items() for each, why in _cut(rehearsal)]
    if findings and outcome is Outcome.INCOMPLETE:
        reasons = ()  # that nothing was told has its reason
    return worst((outcome, *(each for each, _ in findings))), (*reasons, *(why for _, why in findings))


def is_whole(rehearsal: Rehearsal) -> bool:
    """Whether every collected test was told to its end, so that the same again would say the same."""
    return not any(_cut(rehearsal))


def _cut(rehearsal: Rehearsal) -> Iterator[tuple[Outcome, str]]:
    if rehearsal.ended_by != "itself":
        yield Outcome.INCOMPLETE, _ENDED[rehearsal.ended_by]
    elif not rehearsal.began:
        yield Outcome.ERRORED, "not_started"
    elif rehearsal.broken:
        yield Outcome.ERRORED, "collection_error"
    elif not rehearsal.tests and not rehearsal.missing:
        yield Outcome.ERRORED, "empty"
    elif rehearsal.missing:
        yield Outcome.INCOMPLETE, "partial"
