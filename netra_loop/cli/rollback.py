"""`rollback`: back to what was proven good."""

from __future__ import annotations

from pathlib import Path

import typer

from netra_loop.cli.run import literal, tell_end
from netra_loop.cli.say import say
from netra_loop.views.sessions import left_lines
from netra_loop.wiring.place import Place, Progress
from netra_loop.wiring.plans import Ask
from netra_loop.wiring.rollback import Wish, going_back, read_rollback_plan
from netra_loop.wiring.sessions import run_session

EXIT_CODES = (
    "Exit codes: 0 GREEN, every service is back and proven; 30 UNSAFE, with the command to run by hand; 2 usage or "
    "plan invalid, or nothing to go back to, 8 preflight failed, 75 locked (nothing touched); 5 budget spent, 70 "
    "internal error, 74 storage, 129/130/143 signal."
)


def add_to(app: typer.Typer) -> None:
    app.command(epilog=EXIT_CODES)(rollback)


def rollback(
    context: typer.Context,
    services: list[str] = typer.Argument(None, help="Services; default all that have something to go back to."),
    to: str = typer.Option("", help="The revision to go to; default the newest that was proven good."),
    unproven: bool = typer.Option(False, "--unproven", help="Also to one that nobody proved, or that was rolled back."),
    env: str | None = typer.Option(None, help="The environment; default the plan's."),
    plan: Path | None = typer.Option(None, help="The plan; default phases/default.yaml."),
    output: Progress | None = typer.Option(None, help="How progress is shown; default live on a terminal, else plain."),
) -> None:
    """Go back to revisions that earlier sessions proved good, each looked at before it gets any traffic."""
    place: Place = context.obj
    wish = Wish(tuple(services or ()), to, unproven)
    asked = read_rollback_plan(place, Ask(environment=env, plan_file=plan), wish)
    progress = output or place.progress
    session, worklog = run_session(place, asked, literal(), progress, going_back(wish))
    if progress is not Progress.JSONL:
        for line in left_lines(session):
            say(line)
    tell_end(session, worklog, progress)
