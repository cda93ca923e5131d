"""From what the command line asks to the plan of a session."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from netra_loop.core import codec
from netra_loop.core.environment import RemedyMode
from netra_loop.core.errors import Mistake, UsageError
from netra_loop.core.plan import Plan
from netra_loop.wiring.place import Place

if TYPE_CHECKING:
    from netra_loop.adapters.redact import Redactor


@dataclass(frozen=True, slots=True)
class Ask:
    """What the command line asks of a plan; None leaves the plan's own."""

    focus: str = "all"
    environment: str | None = None
    plan_file: Path | None = None
    max_iterations: int | None = None
    budget: float | None = None
    deploys: bool = True
    fail_fast: bool = False
    slots: int | None = None
    remedies: RemedyMode | None = None
    redeploys: bool = False
    read_only: bool = False


def read_plan(place: Place, ask: Ask) -> Plan:
    """The plan in focus. Raises PlanError or UsageError; nothing is touched."""
    from netra_loop.adapters.planfile import load_plan

    plan = load_plan(place.project, ask.plan_file, ask.environment)
    budget = replace(
        plan.budget,
        iterations=ask.max_iterations or plan.budget.iterations,
        wall=ask.budget or plan.budget.wall,
    )
    asked = replace(
        plan,
        budget=budget,
        deploys=ask.deploys,
        redeploys=ask.redeploys,
        fail_fast=ask.fail_fast,
        slots=ask.slots or plan.slots,
        remedies=RemedyMode.OFF if ask.read_only else ask.remedies or plan.environment.remedies,
        read_only=ask.read_only,
    ).focused(ask.focus)
    if not asked.selected:
        raise UsageError(
            f"--focus {ask.focus} leaves nothing to do", "choose more, or leave --no-deploy and --read-only out"
        )
    return asked


def warnings_of(place: Place, plan: Plan) -> list[Mistake]:
    """What is doubtful in a plan that is valid."""
    from netra_loop.adapters.planfile import warnings

    return warnings(place.project, plan)


def read_control_plan(place: Place, ask: Ask, words: Sequence[str]) -> Plan:
    """Nothing but the negative controls of the suites named so. Raises PlanError or UsageError."""
    from netra_loop.adapters.planfile import load_plan

    return load_plan(place.project, ask.plan_file, ask.environment).controlled(words)


def forget_controls(place: Place, plan: Plan) -> None:
    """Have the plan's controls run anew, whatever is kept of them."""
    from netra_loop.adapters.suites.control_cache import ControlCache

    for step in plan.steps:
        ControlCache(place.state.control).forget(step.subject)


def redactor_of_our_environment() -> Redactor:
    from netra_loop.adapters.redact import Redactor, secrets_in

    return Redactor(secrets_in(os.environ))


def refuse_secrets(plan: Plan, redactor: Redactor) -> None:
    """A secret in a plan could only be kept masked, and a masked plan does something else when it is resumed."""
    found = [masked for text in _texts(codec.plain(plan)) if (masked := redactor.text(text)) != text]
    if found:
        hint = "leave the variable without a value: it is taken from the environment then"
        raise UsageError(f"the plan or its configuration holds a secret: {', '.join(dict.fromkeys(found))}", hint)


def _texts(plain: object) -> Iterator[str]:
    """Every text in plain data, the names of its mappings too."""
    if isinstance(plain, str):
        yield plain
    elif isinstance(plain, dict):
        for key, value in plain.items():
            yield key
            yield from _texts(value)
    elif isinstance(plain, list):
        for value in plain:
            yield from _texts(value)
