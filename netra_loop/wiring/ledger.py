"""What earlier sessions have proven good and rolled back, read from their journals; it is kept nowhere else."""

from __future__ import annotations

import json
from typing import Any

from netra_loop.core.errors import LoopError
from netra_loop.core.goodness import Ledger, with_older
from netra_loop.core.outcome import Colour
from netra_loop.core.plan import Environment
from netra_loop.wiring.place import Place
from netra_loop.wiring.reports import read_session

ENOUGH = 5  # good revisions of every service


def read_ledger(place: Place, environment: Environment) -> Ledger:
    """The ledger of an environment's services, from the sessions of this project, the newest first.

    What says in its result that it has nothing to add is not opened; what cannot be read any more says nothing.
    """
    ledger = Ledger()
    for session_id in reversed(place.state.session_ids()):
        if not _adds(_result(place, session_id), environment, ledger):
            continue
        try:
            session = read_session(place, session_id)
        except LoopError:
            continue
        if _where(session.plan.environment) == _where(environment):
            ledger = with_older(ledger, session)
    return ledger


def _adds(result: dict[str, Any], environment: Environment, ledger: Ledger) -> bool:
    """Whether a session may say anything new; one whose result is not final may."""
    if result.get("verdict") is None:
        return True
    if (result["endpoint"], result["project"], result["region"]) != _where(environment):
        return False
    if result["headline"].get("rolled_back"):
        return True
    known = {(each.target, each.revision) for each in ledger.good}
    lacking = (each for each in result["services"] if ledger.knows(each["name"]) < ENOUGH)
    new = ((each["name"], each["serving_revision"]) not in known for each in lacking if each["serving_revision"])
    return result["verdict"] == Colour.GREEN.value and any(new)


def _where(environment: Environment) -> tuple[str, str, str]:
    return environment.endpoint, environment.project, environment.region


def _result(place: Place, session_id: str) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(place.state.session(session_id).result.read_bytes())
    except (OSError, ValueError):
        return {}
    return told
