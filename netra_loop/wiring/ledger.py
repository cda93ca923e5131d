"""What earlier sessions have proven good and rolled back, read from their journals; it is kept nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netra_loop.core.environment import Environment
from netra_loop.core.errors import LoopError
from netra_loop.core.goodness import Ledger, with_older
from netra_loop.core.outcome import Colour
from netra_loop.core.plan import Kind
from netra_loop.wiring.place import Place
from netra_loop.wiring.reports import read_session

if TYPE_CHECKING:
    from netra_loop.adapters.journal import Glance

ENOUGH = 5  # good revisions of every service


def read_ledger(place: Place, environment: Environment) -> Ledger:
    """The ledger of an environment's services, from the sessions of this project, the newest first.

    Only journals that have something to add are read; what cannot be read any more says nothing.
    """
    from netra_loop.adapters.journal import glance

    ledger = Ledger()
    where = (environment.endpoint, environment.project, environment.region)
    for session_id in reversed(place.state.session_ids()):
        seen = glance(place.state.session(session_id).journal)
        if seen is None or seen.where != where or not _adds(seen, ledger):
            continue
        try:
            ledger = with_older(ledger, read_session(place, session_id))
        except LoopError:
            continue
    return ledger


def _adds(seen: Glance, ledger: Ledger) -> bool:
    """Whether a session rolled something back, or may have proven a revision that is not known to be good yet."""
    if any(act_id.partition("/")[2].startswith(f"{Kind.ROLLBACK.value}-") for act_id, _, _ in seen.changed):
        return True
    known = {(each.target, each.revision) for each in ledger.good}
    newest = {target: revision for _, target, revision in seen.changed}
    new = ((target, revision) not in known and ledger.knows(target) < ENOUGH for target, revision in newest.items())
    return seen.verdict == Colour.GREEN.value and any(new)
