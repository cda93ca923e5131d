"""In which order suites that may start together go: those first that have most to tell."""

from __future__ import annotations

from collections.abc import Sequence

from netra_loop.core.plan import Kind, Step
from netra_loop.core.session import Session


def failing_first(session: Session, steps: Sequence[Step]) -> list[Step]:
    """The steps; suites of one priority change places so that those that were red when they last ran go first."""
    red = {known.suite for known in session.past.suites if known.was_red}
    places: dict[str, list[int]] = {}
    for place, step in enumerate(steps):
        if step.kind is Kind.SUITE:
            places.setdefault(session.plan.suite(step.subject).priority, []).append(place)
    ordered = list(steps)
    for ours in places.values():
        by_need = sorted((steps[place] for place in ours), key=lambda step: step.subject not in red)
        for place, step in zip(ours, by_need, strict=True):
            ordered[place] = step
    return ordered
