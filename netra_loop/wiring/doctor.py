"""What `doctor` looks at, and in which order it is told."""

from __future__ import annotations

import os

from netra_loop.core.errors import PreflightError
from netra_loop.core.plan import Plan
from netra_loop.core.preflight import Finding, Preflight, State, variables
from netra_loop.wiring.cloud import deploys_by_gcloud, embedded_server
from netra_loop.wiring.place import Place


def examine(place: Place, plan: Plan) -> Preflight:
    """Whether a session could begin; nothing is changed. Google is asked only by an environment that is there."""
    import anyio

    from netra_loop.adapters.doctor.sessions import lock, unfinished
    from netra_loop.adapters.doctor.storage import storage
    from netra_loop.adapters.doctor.tools import git, interpreters

    findings = (
        git(),
        _deployer(plan),
        interpreters(plan, place.project),
        variables(plan, os.environ),
        storage(place.state.root),
        lock(place.state, plan.environment),
        *unfinished(place.state),
        *anyio.run(_cloud, place, plan),
    )
    return Preflight(plan.environment.name, findings)


async def _cloud(place: Place, plan: Plan) -> list[Finding]:
    """What the environment's own Cloud Run says; the embedded one needs to run for that, and no credentials."""
    from anyio import to_thread

    from netra_loop.adapters.cloudrun import CloudRun
    from netra_loop.adapters.doctor.credentials import agreement, credentials
    from netra_loop.adapters.doctor.services import services

    environment = plan.environment
    if environment.endpoint == "embedded":
        server = embedded_server(place)
        if server is None:
            return [Finding("cloud", State.OK, "the embedded Cloud Run does not run; `run` starts it")]
        return await services(CloudRun(environment, server.url), environment.targets)
    agreed = agreement(environment, os.environ)
    known = await to_thread.run_sync(credentials, plan.budget.wall)
    if State.FAILED in (agreed.state, known.state):
        return [agreed, known]
    return [agreed, known, *await services(CloudRun(environment), environment.targets)]


def verify_journal(place: Place, word: str) -> tuple[str, int]:
    """The session that a word names, and how many entries its unbroken chain has. Raises UsageError, StorageError."""
    from netra_loop.adapters.journal import JournalFile

    folder = place.state.find_session(word)
    return folder.id, len(JournalFile(folder.journal).entries())


def _deployer(plan: Plan) -> Finding:
    try:
        by_gcloud = deploys_by_gcloud(plan.environment)
    except PreflightError as error:
        return Finding("deployer", State.FAILED, error.message, error.hint)
    return Finding("deployer", State.OK, "gcloud" if by_gcloud else "the Admin API")
