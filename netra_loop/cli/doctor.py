"""`doctor`: whether a session could begin, and whether the journal of one holds."""

from __future__ import annotations

from pathlib import Path

import typer

from netra_loop.cli.say import say
from netra_loop.views.encode import visible
from netra_loop.wiring.doctor import examine, verify_journal
from netra_loop.wiring.place import Place
from netra_loop.wiring.plans import Ask, read_plan

EXIT_CODES = (
    "Exit codes: 0 nothing failed, or the journal holds, 2 plan invalid or no such session, 8 something failed, "
    "74 the journal does not hold."
)


def add_to(app: typer.Typer) -> None:
    app.command(epilog=EXIT_CODES)(doctor)


def doctor(
    context: typer.Context,
    env: str | None = typer.Option(None, help="The environment; default the plan's."),
    plan: Path | None = typer.Option(None, help="The plan; default phases/default.yaml."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
    verify: str | None = typer.Option(None, help="Check the journal of this session instead: an id, a prefix, last."),
) -> None:
    """Look whether a session could begin here: tools, interpreters, variables, storage."""
    place: Place = context.obj
    if verify is not None:
        session, entries = verify_journal(place, verify)
        say(visible(f"{session}: the chain of its {entries} entries holds"))
        return
    from netra_loop.views.doctor import preflight_json, preflight_text

    preflight = examine(place, read_plan(place, Ask(plan_file=plan, environment=env)))
    say(preflight_json(preflight) if json else preflight_text(preflight))
    raise typer.Exit(preflight.exit_code)
