"""`gc`: away with what earlier sessions left behind."""

from __future__ import annotations

from pathlib import Path

import typer

from netra_loop.cli.say import say
from netra_loop.views.encode import visible
from netra_loop.wiring.leftovers import remove_leftovers
from netra_loop.wiring.place import Place
from netra_loop.wiring.plans import Ask, read_plan

EXIT_CODES = (
    "Exit codes: 0 done, 2 usage or plan invalid, 8 a service cannot be looked at, 75 locked (nothing touched)."
)


def add_to(app: typer.Typer) -> None:
    app.command(epilog=EXIT_CODES)(gc)


def gc(
    context: typer.Context,
    env: str | None = typer.Option(None, help="The environment; default the plan's."),
    plan: Path | None = typer.Option(None, help="The plan; default phases/default.yaml."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Show what would be removed, and do nothing."),
) -> None:
    """Remove the tags and files that sessions left behind; traffic, revisions and worklogs stay."""
    place: Place = context.obj
    found = remove_leftovers(place, read_plan(place, Ask(environment=env, plan_file=plan)), only_tell=dry_run)
    word = "would remove" if dry_run else "removed"
    for line in found or ["nothing"]:
        say(visible(f"{word}: {line}"))
