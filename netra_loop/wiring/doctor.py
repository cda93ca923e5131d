"""What `doctor` looks at, and in which order it is told."""

from __future__ import annotations

import os

from netra_loop.core.errors import PreflightError
from netra_loop.core.plan import Plan
from netra_loop.core.preflight import Finding, Preflight, State, variables
from netra_loop.wiring.cloud import deploys_by_gcloud
from netra_loop.wiring.place import Place


def examine(place: Place, plan: Plan) -> Preflight:
    """Whether a session could begin; nothing is changed, and no network is used."""
    from netra_loop.adapters.doctor.storage import storage
    from netra_loop.adapters.doctor.tools import git, interpreters

    findings = (
        git(),
        _deployer(plan),
        interpreters(plan, place.project),
        variables(plan, os.environ),
        storage(place.state.root),
    )
    return Preflight(plan.environment.name, findings)


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
