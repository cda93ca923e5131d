"""Which log entries belong to a test: by the trace of its requests, else by its targets and its time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from netra_loop.diagnosis.scene import Failure, LogEntry, Passed

SLACK = 1.0  # seconds that an entry may lie outside its test's window: two clocks, and a line on its way
LATE = 0.1  # seconds after its end in which a server still writes why it failed a test's last request


class Timeline:
    """Log entries, found by trace and by time.

    An entry with the trace of one test belongs to that test alone. One of a request that was nobody's, such as a
    check's, is no word on a red test whose own requests are known, and speaks against nothing but what it fits.
    """

    def __init__(self, entries: Sequence[LogEntry], traces: frozenset[str]) -> None:
        """traces: those of all tests."""
        self._entries = entries
        self._of_trace: dict[str, list[LogEntry]] = {}
        self._of_target: dict[str, list[LogEntry]] = {}
        for entry in sorted(entries, key=_at):
            if entry.trace in traces:
                self._of_trace.setdefault(entry.trace, []).append(entry)
            else:
                self._of_target.setdefault(entry.target, []).append(entry)

    def of(self, failures: Iterable[Failure]) -> tuple[LogEntry, ...]:
        """The entries that belong to any of these, in the order in which they were given."""
        found = {(entry.target, entry.number) for failure in failures for entry in self.around(failure)}
        return tuple(entry for entry in self._entries if (entry.target, entry.number) in found)

    def around(self, failure: Failure, late: float = SLACK) -> Iterator[LogEntry]:
        """The entries of one of a red test's targets that were written for its requests, or else in its time.

        late: seconds after its end. Before its begin there are always SLACK: a red test's duration lacks the time that
        pytest took to tell why, so it began earlier.
        """
        yield from self._written_for(failure)
        if failure.start is None or failure.end is None:
            return
        for target in failure.targets:
            for entry in self._between(target, failure.start - SLACK, failure.end + late):
                if not (entry.trace and failure.trace):
                    yield entry

    def is_met_by(self, passed: Passed) -> bool:
        """Whether any was written for a test that passed, or while it ran; nothing is added to its time.

        Tests follow each other closely: with slack, the neighbours of a red test would all have met its entries.
        """
        meanwhile = (entry for target in passed.targets for entry in self._between(target, passed.start, passed.end))
        return any(True for _ in self._written_for(passed)) or any(True for _ in meanwhile)

    def _written_for(self, test: Failure | Passed) -> Iterator[LogEntry]:
        return (entry for entry in self._of_trace.get(test.trace, ()) if entry.target in test.targets)

    def _between(self, target: str, since: float, until: float) -> Sequence[LogEntry]:
        ours = self._of_target.get(target, [])
        return ours[bisect_left(ours, since, key=_at) : bisect_right(ours, until, key=_at)]


def _at(entry: LogEntry) -> float:
    return entry.at
