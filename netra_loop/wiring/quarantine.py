"""What was rolled back is not deployed again, unless a person says so."""

from __future__ import annotations

from collections.abc import Iterator

from netra_loop.core.errors import PreflightError
from netra_loop.core.plan import Kind, Plan
from netra_loop.core.remediation import declared_variables
from netra_loop.core.target import Target
from netra_loop.wiring.place import Place
from netra_loop.wiring.sessions import Known, Settle


def refusing_quarantined(place: Place) -> Settle:
    """Raise PreflightError when the plan would deploy what a session has rolled back."""

    def settle(known: Known) -> Plan:
        for target in _deployed(known.plan):
            rolled_back = {q.commit: q.session_id for q in known.ledger.quarantined if q.target == target.name}
            same = [name for name in _names(place, known, target) if name in rolled_back] if rolled_back else []
            if same:
                raise PreflightError(
                    f"{target.name}: {_what(known, same[0])} was rolled back by session {rolled_back[same[0]]}",
                    "deploy another commit, or say --allow-quarantined",
                )
        return known.plan

    return settle


def _deployed(plan: Plan) -> Iterator[Target]:
    deploys = (step for step in plan.steps if step.kind is Kind.DEPLOY and step.id in plan.selected)
    return (plan.environment.target(step.subject) for step in deploys)


def _names(place: Place, known: Known, target: Target) -> Iterator[str]:
    """What would stand for that which is to be deployed: its commit, and the digest of its settings."""
    import anyio

    from netra_loop.adapters.cloudrun import CloudRun
    from netra_loop.adapters.deploy import wanted_of
    from netra_loop.adapters.google_errors import preflight_error

    if known.git:
        yield known.git.sha
    variables = declared_variables(target)
    cloud = CloudRun(known.plan.environment, known.url)
    try:
        wanted = anyio.run(wanted_of, cloud, place.project, known.plan, target, variables, known.git)
    except PreflightError:
        return  # the deploy itself will say what is missing
    except Exception as error:
        raise preflight_error(error, f"looking at the peers of {target.name}") from error
    if wanted.settings:
        yield wanted.settings


def _what(known: Known, name: str) -> str:
    is_commit = known.git is not None and known.git.sha == name
    return f"commit {name[:12]}" if is_commit else "the same source or image with the same variables"
