"""What a run would do, and that nothing was done."""

from __future__ import annotations

from netra_loop.core.plan import Kind, Phase, Plan, Step, Suite
from netra_loop.views.encode import visible
from netra_loop.views.table import columns


def dry_run(plan: Plan) -> str:
    """The steps in order, with what each needs and whether it is in focus."""
    rows: list[tuple[str, ...]] = [("PHASE", "STEP", "KIND", "NEEDS", "WHEN", "RUNS", "WHAT")]
    for phase in plan.phases:
        rows += [_row(plan, phase, step) for step in phase.steps]
    deployed = [step.subject for step in plan.steps if step.kind is Kind.DEPLOY and step.id in plan.selected]
    after = f"then, if all is proven: promote {', '.join(deployed)}" if deployed else "nothing is deployed or promoted"
    head = f"plan {plan.name} on {plan.environment.name} ({plan.environment.endpoint}), focus {plan.focus}"
    return "\n".join((visible(head), *columns(rows), visible(after), "nothing was done"))


def _row(plan: Plan, phase: Phase, step: Step) -> tuple[str, ...]:
    chosen = step.id in plan.selected
    what = _tests(plan.suite(step.subject)) if step.kind is Kind.SUITE else step.subject or " ".join(step.argv)
    return (
        phase.id,
        step.id,
        step.kind.value,
        ",".join(phase.needs) or "-",
        phase.when.value,
        "yes" if chosen else "no",
        what,
    )


def _tests(suite: Suite) -> str:
    """Where its tests are; of a command that does not say so, the command."""
    return " ".join(suite.paths or suite.argv)
