"""What somebody else did to a service meanwhile: found by an act that then touched nothing, or under running tests."""

from __future__ import annotations

from collections.abc import Iterator

from netra_loop.core.acts import CHANGING
from netra_loop.core.agenda import is_foreign, shifts_and_deploys
from netra_loop.core.session import ActRecord, Iteration, suite_seen


def foreign_changes(iteration: Iteration | None) -> tuple[str, ...]:
    """Each service that somebody else changed, as words: its name, and the revisions where tests met a change."""
    found = [record.act.subject for record in shifts_and_deploys(iteration) if is_foreign(record)]
    if iteration is not None:
        found += [change for record in iteration.acts.values() for change in _changed_under(iteration, record)]
    return tuple(dict.fromkeys(found))


def _changed_under(iteration: Iteration, record: ActRecord) -> Iterator[str]:
    """The targets of a suite that changed while it ran, other than by an act of ours."""
    seen = suite_seen(record)
    if seen is None:
        return
    for target, before in seen.revisions.items():
        after = seen.revisions_after.get(target, "")
        if (before != after or target in seen.moved) and not _changed_by_us(iteration, record, target):
            yield f"{target} while {record.act.step} ran ({before or 'unknown'} before, {after or 'unknown'} after)"


def _changed_by_us(iteration: Iteration, suite: ActRecord, target: str) -> bool:
    """Whether an act of ours that changes the target ran at the same time."""
    return any(
        record.act.kind in CHANGING
        and record.act.subject == target
        and (suite.ended is None or record.started <= suite.ended)
        and (record.ended is None or record.ended >= suite.begun)
        for record in iteration.acts.values()
    )
