"""Whether the programs that a session calls are there."""

from __future__ import annotations

import shutil
from pathlib import Path

from netra_loop.adapters.suites.pytest_suite import python_of
from netra_loop.core.plan import Kind, Plan, SuiteRunner
from netra_loop.core.preflight import Finding, State


def git() -> Finding:
    """Without git a session works, but nobody knows what it deployed."""
    if shutil.which("git"):
        return Finding("git", State.OK, "installed")
    return Finding("git", State.WARNING, "not installed: no commit will be recorded", "install git")


def interpreters(plan: Plan, project: Path) -> Finding:
    """The Python of every pytest suite in focus."""
    ids = [step.subject for step in plan.steps if step.kind is Kind.SUITE and step.id in plan.selected]
    suites = [suite for suite in map(plan.suite, ids) if suite.runner is SuiteRunner.PYTEST]
    missing = [suite for suite in suites if shutil.which(python_of(suite, project)) is None]
    if missing:
        said = "; ".join(f"suite {suite.id}: there is no {suite.python}" for suite in missing)
        return Finding("interpreters", State.FAILED, said, "make its virtual environment, or change `python`")
    return Finding("interpreters", State.OK, f"those of {len(suites)} pytest suites are there")
