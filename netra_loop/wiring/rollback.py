"""Where services go back to: chosen once the environment is ours alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netra_loop.core.errors import UsageError
from netra_loop.core.goodness import Ledger
from netra_loop.core.plan import Plan
from netra_loop.core.rollback import aimed, newest_good, rollback_plan
from netra_loop.core.target import Target
from netra_loop.wiring.place import Place
from netra_loop.wiring.plans import Ask
from netra_loop.wiring.sessions import Known, Settle

if TYPE_CHECKING:
    from netra_loop.adapters.cloudrun import CloudRun


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks of a rollback; no services for all that have something to go back to."""

    services: tuple[str, ...] = ()
    to: str = ""
    unproven: bool = False


def read_rollback_plan(place: Place, ask: Ask, wish: Wish) -> Plan:
    """A plan of nothing but these rollbacks, without where they go. Raises PlanError or UsageError."""
    from netra_loop.adapters.planfile import load_plan

    plan = load_plan(place.project, ask.plan_file, ask.environment)
    targets = plan.environment.named(wish.services)
    if wish.to and len(targets) != 1:
        raise UsageError("--to is about one service", f"name it: {', '.join(target.name for target in targets)}")
    return rollback_plan(plan, targets)


def going_back(wish: Wish) -> Settle:
    """Choose the revision that each service goes back to."""

    def settle(known: Known) -> Plan:
        from netra_loop.adapters.cloudrun import CloudRun

        cloud = CloudRun(known.plan.environment, known.url)
        targets = [known.plan.environment.target(step.subject) for step in known.plan.steps]
        chosen = {target.name: _chosen(cloud, known.ledger, wish, target) for target in targets}
        stuck = [target.name for target in targets if not chosen[target.name]]
        if stuck and (wish.services or len(stuck) == len(targets)):
            told = "; ".join(_told(known.ledger, name) for name in stuck)
            raise UsageError(f"nothing to go back to for {', '.join(stuck)}", told)
        return aimed(known.plan, chosen)

    return settle


def _chosen(cloud: CloudRun, ledger: Ledger, wish: Wish, target: Target) -> str:
    """The revision that a target goes back to; empty where there is none. Raises UsageError, PreflightError."""
    service, revision = _looked_up(cloud, target, wish.to)
    if not wish.to:
        return newest_good(ledger.good, target.name, [service])
    if newest_good((each for each in ledger.good if each.revision == wish.to), target.name, []):
        return wish.to
    if not revision:
        raise UsageError(f"{target.name} has no revision {wish.to}", _told(ledger, target.name))
    if not wish.unproven:
        by = [each.session_id for each in ledger.quarantined if (each.target, each.revision) == (target.name, wish.to)]
        was = f"was rolled back by session {by[0]}" if by else "was never proven good by a session here"
        hint = f"say --unproven to go there all the same; {_told(ledger, target.name)}"
        raise UsageError(f"{wish.to} {was}", hint)
    return wish.to


def _looked_up(cloud: CloudRun, target: Target, revision: str) -> tuple[str, str]:
    """The one revision that serves, and the revision of this name; empty for what there is not."""
    from netra_loop.adapters.google_errors import preflight_error

    try:
        service = cloud.service(target.service)
        found = cloud.revision(target.service, revision) if revision else None
    except Exception as error:
        raise preflight_error(error, f"looking at {target.service}") from error
    return service.serving if service else "", found.name if found else ""


def _told(ledger: Ledger, target: str) -> str:
    """What is proven good of a target, for people."""
    known: Sequence[str] = [f"{g.revision} (session {g.session_id})" for g in ledger.good if g.target == target]
    return f"proven good of {target}: {', '.join(known) or 'nothing, by any session here'}"
