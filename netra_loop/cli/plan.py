"""`plan`: look at a plan without running it."""

from __future__ import annotations

from pathlib import Path

import typer

from netra_loop.cli.say import say
from netra_loop.wiring.place import Place
from netra_loop.wiring.plans import Ask, read_plan, warnings_of
from netra_loop.wiring.selection import collect_suites

app = typer.Typer(help="Look at a plan without running it.", no_args_is_help=True)


@app.command(epilog="Exit codes: 0 valid, 2 invalid.")
def validate(
    context: typer.Context,
    file: Path | None = typer.Argument(None, help="The plan; default phases/default.yaml."),
    env: str | None = typer.Option(None, help="The environment; default the plan's."),
) -> None:
    """Report every mistake of the plan and its configuration at once, with file, line and column.

    Limits that contradict each other are warnings: the plan stays valid.
    """
    place: Place = context.obj
    plan = read_plan(place, Ask(plan_file=file, environment=env))
    for warning in warnings_of(place, plan):
        say(str(warning))
    suites = sum(step.kind.value == "suite" for step in plan.steps)
    say(f"valid: {len(plan.phases)} phases, {len(plan.steps)} steps, {suites} suites, digest {plan.digest}")


@app.command(epilog="Exit codes: 0 fine, 1 a suite finds no tests, fewer than it should, or cannot be read, 2 invalid.")
def collect(
    context: typer.Context,
    file: Path | None = typer.Argument(None, help="The plan; default phases/default.yaml."),
    focus: str = typer.Option("all", help="Suites by id, tag or priority, comma-separated."),
    env: str | None = typer.Option(None, help="The environment; default the plan's."),
    json: bool = typer.Option(False, "--json", help="Print JSON, with the name of every test."),
) -> None:
    """Find the tests that each suite would run; none is run and no service is met."""
    place: Place = context.obj
    found = collect_suites(place, read_plan(place, Ask(focus=focus, plan_file=file, environment=env)))
    if json:
        from netra_loop.views.collection import collection_json

        say(collection_json(found))
    else:
        from netra_loop.views.collection import collection_text

        say(collection_text(found))
    raise typer.Exit(1 if any(each.reasons for each in found) else 0)
