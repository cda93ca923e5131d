"""`control`: the same suites without their target."""

from __future__ import annotations

from pathlib import Path

import typer

from netra_loop.cli.run import literal, tell_end
from netra_loop.cli.say import say
from netra_loop.views.sessions import still_passing_lines
from netra_loop.wiring.place import Place, Progress
from netra_loop.wiring.plans import Ask, forget_controls, read_control_plan
from netra_loop.wiring.sessions import run_session

EXIT_CODES = (
    "Exit codes: 0 every test fails without its target, 1 a test still passes, 3 not every test told its end, 4 a "
    "suite could not run; 2 usage or plan invalid, 8 preflight failed, 75 locked (nothing touched); 5 budget spent, "
    "70 internal error, 74 storage, 129/130/143 signal."
)


def add_to(app: typer.Typer) -> None:
    app.command(epilog=EXIT_CODES)(control)


def control(
    context: typer.Context,
    suites: list[str] = typer.Argument(None, help="Ids, tags or priorities of suites; default all of the index."),
    env: str | None = typer.Option(None, help="The environment; default the plan's."),
    plan: Path | None = typer.Option(None, help="The plan; default phases/default.yaml."),
    fresh: bool = typer.Option(False, "--fresh", help="Run the tests also where what they said last time is known."),
    output: Progress | None = typer.Option(None, help="How progress is shown; default live on a terminal, else plain."),
) -> None:
    """Run suites against a dead and a sabotaged target, and name every test that still passes."""
    place: Place = context.obj
    asked = read_control_plan(place, Ask(environment=env, plan_file=plan), suites or [])
    if fresh:
        forget_controls(place, asked)
    progress = output or place.progress
    session, worklog = run_session(place, asked, literal(), progress)
    if progress is not Progress.JSONL:
        for line in still_passing_lines(session):
            say(line)
    tell_end(session, worklog, progress)
