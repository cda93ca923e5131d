"""`health`: one look at services, dependencies and WebSockets."""

from __future__ import annotations

import typer

from netra_loop.cli.say import say
from netra_loop.wiring.cloud import check_health
from netra_loop.wiring.place import Place
from netra_loop.wiring.plans import Ask, read_plan

EXIT_CODES = (
    "Exit codes: 0 healthy or degraded (with --strict 1 for degraded), 1 unhealthy, 2 unknown service or plan invalid, "
    "4 could not look or not deployed."
)


def add_to(app: typer.Typer) -> None:
    app.command(epilog=EXIT_CODES)(health)


def health(
    context: typer.Context,
    services: list[str] = typer.Argument(None, help="Services to look at; default all of the environment."),
    env: str | None = typer.Option(None, help="The environment; default the plan's."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
    strict: bool = typer.Option(False, "--strict", help="Degraded is not good enough."),
) -> None:
    """Check services, their dependencies and WebSockets once, at their base URLs."""
    place: Place = context.obj
    plan = read_plan(place, Ask(environment=env))
    checkup = check_health(place, plan, services or [])
    if json:
        from netra_loop.views.checkup import checkup_json

        say(checkup_json(checkup))
    else:
        from netra_loop.views.checkup import checkup_text

        say(checkup_text(checkup))
    raise typer.Exit(checkup.exit_code(strict=strict))
