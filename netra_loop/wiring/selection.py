"""What suites find now, and what they found before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netra_loop.core.errors import LoopError
from netra_loop.core.plan import Kind, Plan, Suite
from netra_loop.core.selection import collected_in
from netra_loop.wiring.place import Place
from netra_loop.wiring.plans import redactor_of_our_environment
from netra_loop.wiring.reports import read_session

if TYPE_CHECKING:
    from netra_loop.core.selection import Collection, LastTime

LOOK_BACK = 10  # sessions, the newest first


def collect_suites(place: Place, plan: Plan) -> tuple[Collection, ...]:
    """Which tests the suites in focus have, beside how many they had before. Nothing is run, no target is met."""
    import anyio

    from netra_loop.adapters.suites.collecting import Collector

    place.state.prepare()
    last = last_collected(place, plan)
    collector = Collector(place.project, place.state.pycache, redactor_of_our_environment())
    found = anyio.run(collector.collect, _in_focus(plan), plan.slots)
    return tuple(replace(each, last=last.get(each.suite.id)) for each in found)


def last_collected(place: Place, plan: Plan) -> dict[str, LastTime]:
    """How many tests each suite in focus found in the newest session that ran it in the very same way."""
    wanted = {suite.id for suite in _in_focus(plan)}
    found: dict[str, LastTime] = {}
    for session_id in reversed(place.state.session_ids()[-LOOK_BACK:]):
        if wanted <= found.keys():
            break
        try:
            found = collected_in(read_session(place, session_id), plan) | found
        except LoopError:
            continue  # what cannot be read any more cannot be compared with
    return found


def _in_focus(plan: Plan) -> list[Suite]:
    ids = [step.subject for step in plan.steps if step.kind is Kind.SUITE and step.id in plan.selected]
    return [plan.suite(suite_id) for suite_id in ids]
