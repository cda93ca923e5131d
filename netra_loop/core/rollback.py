"""A session that does nothing but go back: its plan, where its targets go, and which of that anybody may choose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from netra_loop.core.environment import RemedyMode
from netra_loop.core.events import GoodRevision
from netra_loop.core.plan import RESUME_CLASSES, Kind, Phase, Plan, Step
from netra_loop.core.session import Session
from netra_loop.core.target import Target, health_deadline

TIMEOUT = 300.0  # seconds for two changes of the traffic and for finding out who answers; health checks come on top
ID = Kind.ROLLBACK.value


def rollback_plan(plan: Plan, targets: Sequence[Target]) -> Plan:
    """A plan of nothing but the rollbacks of these targets; where they go is not chosen yet."""
    left = tuple(step.id for step in plan.steps if step.irreversible)
    steps = tuple(_step(target, left) for target in targets)
    names = (target.name for target in targets)
    every = len(targets) == len(plan.environment.targets)
    return replace(
        plan,
        phases=(Phase(ID, "Back to revisions that were proven good", steps),),
        suites=(),
        budget=replace(plan.budget, iterations=1),
        focus=",".join((ID, *(() if every else names))),
        selected=frozenset(step.id for step in steps),
        remedies=RemedyMode.OFF,
        knowledge=(),
    )


def _step(target: Target, left: tuple[str, ...]) -> Step:
    name = f"{ID}-{target.name}"
    tags = frozenset({ID, name, target.name})
    timeout = TIMEOUT + 2 * health_deadline(target)
    return Step(name, Kind.ROLLBACK, target.name, timeout, RESUME_CLASSES[Kind.ROLLBACK], tags, not_undone=left)


def aimed(plan: Plan, revisions: Mapping[str, str]) -> Plan:
    """The plan with the revision that each target goes back to; targets without one are left out."""
    (phase,) = plan.phases
    steps = tuple(replace(s, revision=revisions[s.subject]) for s in phase.steps if revisions.get(s.subject))
    return replace(plan, phases=(replace(phase, steps=steps),), selected=frozenset(step.id for step in steps))


def newest_good(good: Iterable[GoodRevision], target: str, without: Iterable[str]) -> str:
    """The revision of a target that was proven good last, none of those left out; empty where there is none."""
    others = frozenset(without)
    return next((each.revision for each in good if each.target == target and each.revision not in others), "")


def not_undone(session: Session) -> tuple[str, ...]:
    """The steps whose effect no rollback takes back: those that ran, or those of the project that is rolled back."""
    ran = {record.act.step for iteration in session.iterations for record in iteration.of_kind(Kind.RUN)}
    own = (step.id for step in session.plan.steps if step.irreversible and step.id in ran)
    return tuple(dict.fromkeys((*own, *(left for step in session.plan.steps for left in step.not_undone))))
