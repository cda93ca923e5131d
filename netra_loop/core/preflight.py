"""Whether a session could begin here: what was found of each subject, and what to do about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from netra_loop.core.plan import Kind, Plan


class State(Enum):
    """UNKNOWN: we could not look, which is never OK."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, in one line; remedy: what to do, empty where nothing is to be done."""

    check: str
    state: State
    said: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Preflight:
    """All that was found for an environment."""

    environment: str
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """0 when nothing failed, else 8."""
        return 8 if any(finding.state is State.FAILED for finding in self.findings) else 0


def variables(plan: Plan, given: Collection[str]) -> Finding:
    """Whether our environment has what the services to be deployed take from it."""
    deployed = {step.subject for step in plan.steps if step.kind is Kind.DEPLOY and step.id in plan.selected}
    targets = [target for target in plan.environment.targets if target.name in deployed]
    asked = [(target.name, name) for target in targets for name, value in target.env.items() if value is None]
    missing = [f"{target} needs {name}" for target, name in asked if name not in given]
    if missing:
        return Finding("variables", State.FAILED, "; ".join(missing), "set them in the environment, then run again")
    return Finding("variables", State.OK, f"{len(asked)} taken from the environment, all are there")
