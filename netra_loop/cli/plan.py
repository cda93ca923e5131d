"""`plan`: look at a plan without running it."""

from __future__ import annotations

from pathlib import Path

import typer

from netra_loop.cli.say import say
from netra_loop.wiring.place import Place
from netra_loop.wiring.plans import Ask, read_plan

app = typer.Typer(help="Look at a plan without running it.", no_args_is_help=True)


@app.command(epilog="Exit codes: 0 valid, 2 invalid.")
def validate(
    context: typer.Context,
    file: Path | None = typer.Argument(None, help="The plan; default phases/default.yaml."),
    env: str | None = typer.Option(None, help="The environment; default the plan's."),
) -> None:
    """Report every mistake of the plan and its configuration at once, with file, line and column."""
    place: Place = context.obj
    plan = read_plan(place, Ask(plan_file=file, environment=env))
    suites = sum(step.kind.value == "suite" for step in plan.steps)
    say(f"valid: {len(plan.phases)} phases, {len(plan.steps)} steps, {suites} suites, digest {plan.digest}")
