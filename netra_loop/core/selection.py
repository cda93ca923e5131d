"""Which tests a suite finds, held against what it declares and what it found before. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netra_loop.core.plan import Kind, Plan, Suite
from netra_loop.core.session import ActRecord, Session, suite_seen

FEWER_THAN_LAST_TIME = "fewer_than_last_time"


@dataclass(frozen=True, slots=True)
class LastTime:
    """How many tests a suite found in an earlier session."""

    session_id: str
    collected: int


@dataclass(frozen=True, slots=True)
class Collection:
    """What a suite finds when it is asked without being run; trouble: why that could not be told, empty if it was.

    tests is None where a suite cannot tell before it has run. deselected: found and left out, None where nobody told.
    """

    suite: Suite
    tests: tuple[str, ...] | None = None
    deselected: int | None = None
    errors: tuple[str, ...] = ()
    last: LastTime | None = None
    trouble: str = ""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Everything that a run would hold against it for its selection."""
        if self.trouble or self.errors:
            return (self.trouble or "collection_error",)
        if self.tests is None:
            return ()
        last = self.last.collected if self.last else None
        return tuple(selection_reasons(self.suite, len(self.tests), self.deselected, last))


def selection_reasons(suite: Suite, collected: int, deselected: int | None, last: int | None) -> Iterator[str]:
    """What is wrong with the tests that were found; a declared number that is reached settles it.

    last: how many were found before, None where that is not known.
    """
    if collected == 0:
        yield "empty"
    elif suite.declared_tests is not None:
        if collected < suite.declared_tests:
            yield "fewer_than_declared"
    else:
        if last is not None and collected < last:
            yield FEWER_THAN_LAST_TIME
        if deselected:
            yield "deselected"


def collected_in(session: Session, plan: Plan) -> dict[str, LastTime]:
    """How many tests those suites of the plan found in a session that it ran there in the very same way.

    A session in which a suite was found to have lost tests is no measure: the loss would be forgotten.
    """
    if session.plan.environment.name != plan.environment.name:
        return {}
    earlier = {suite.id: suite for suite in session.plan.suites}
    found = {}
    for record in (record for iteration in session.iterations for record in iteration.of_kind(Kind.SUITE)):
        suite = next((suite for suite in plan.suites if suite.id == record.act.subject), None)
        if suite and _asks_alike(suite, earlier[suite.id]) and _is_measure(record):
            found[suite.id] = LastTime(session.id, len(set(record.tests.collected)))
    return found


def _asks_alike(suite: Suite, other: Suite) -> bool:
    def asked(each: Suite) -> tuple[object, ...]:
        return each.runner, each.cwd, each.paths, each.args, each.argv

    return asked(suite) == asked(other)


def _is_measure(record: ActRecord) -> bool:
    """Whether it collected to the end, which shows in that a test ran, and lost nothing."""
    seen = suite_seen(record)
    if seen is None or record.result is None or seen.collection_errors:
        return False
    ran = bool(record.tests.batches or record.tests.started)
    return ran and FEWER_THAN_LAST_TIME not in record.result.reasons
