"""`run` and `resume`: a session from the command line to its exit code."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import NoReturn

import typer

from netra_loop.cli.say import say
from netra_loop.core.durations import seconds
from netra_loop.core.environment import RemedyMode
from netra_loop.core.session import Session
from netra_loop.views.encode import visible
from netra_loop.views.sessions import by_hand_lines, headline_of
from netra_loop.wiring.place import Place, Progress
from netra_loop.wiring.plans import Ask, read_plan
from netra_loop.wiring.quarantine import refusing_quarantined
from netra_loop.wiring.sessions import as_asked, resume_session, run_session

EXIT_CODES = (
    "Exit codes: 0 GREEN, 1 RED, 3 INCOMPLETE, 4 ERROR, 30 UNSAFE; 2 usage or plan invalid, 8 preflight failed, "
    "75 locked (nothing touched); 5 budget spent, no progress or not repaired, 6 a person must look at a remedy, "
    "7 outcome of a once-only act unknown, 9 somebody else changed a service, "
    "70 internal error, 74 storage, 129/130/143 signal."
)


def _budget(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return seconds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--budget") from None


def add_to(app: typer.Typer) -> None:
    app.command(epilog=EXIT_CODES)(run)
    app.command(epilog=EXIT_CODES)(resume)


def run(
    context: typer.Context,
    focus: str = typer.Option("all", help="Ids, tags or priorities of steps and suites, comma-separated."),
    env: str | None = typer.Option(None, help="The environment; default the plan's."),
    plan: Path | None = typer.Option(None, help="The plan; default phases/default.yaml."),
    max_iterations: int | None = typer.Option(None, min=1, help="Passes from deploy to verdict at most."),
    budget: str | None = typer.Option(None, help="Wall time at most, like 30m or 8h."),
    no_deploy: bool = typer.Option(False, "--no-deploy", help="Test what serves now."),
    read_only: bool = typer.Option(False, "--read-only", help="Change nothing, and prove it: 70 if anything did."),
    redeploy: bool = typer.Option(False, "--redeploy", help="Deploy also what already serves."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Show what would run, and do nothing."),
    remedies: RemedyMode | None = typer.Option(None, help="What to do about causes; default the environment's."),
    fail_fast: bool = typer.Option(False, "--fail-fast", help="Stop at the first act that does not pass."),
    allow_quarantined: bool = typer.Option(False, "--allow-quarantined", help="Also deploy a commit rolled back."),
    slots: int | None = typer.Option(None, min=1, help="Suites that run at the same time at most."),
    output: Progress | None = typer.Option(None, help="How progress is shown; default live on a terminal, else plain."),
) -> None:
    """Deploy, check, test, find causes, apply remedies, again; promote what is proven; write the worklog."""
    place: Place = context.obj
    wall = _budget(budget)
    ask = Ask(focus, env, plan, max_iterations, wall, not no_deploy, fail_fast, slots, remedies, redeploy, read_only)
    asked = read_plan(place, ask)
    if dry_run:
        from netra_loop.views.dry_run import dry_run as told

        say(told(asked))
        return
    progress = output or place.progress
    settle = as_asked if allow_quarantined else refusing_quarantined(place)
    tell_end(*run_session(place, asked, literal(), progress, settle), progress)


def resume(
    context: typer.Context,
    session: str = typer.Argument(help="A session's id, a unique prefix of it, or last."),
    output: Progress | None = typer.Option(None, help="How progress is shown; default live on a terminal, else plain."),
) -> None:
    """Continue a session after a crash, Ctrl-C or reboot."""
    place: Place = context.obj
    progress = output or place.progress
    tell_end(*resume_session(place, session, literal(), progress), progress)


def literal() -> str:
    """The command as it was given."""
    return shlex.join(["ultimate-test-deploy-loop", *sys.argv[1:]])


def tell_end(session: Session, worklog: Path, output: Progress) -> NoReturn:
    """Print the last two lines and end with the verdict's code."""
    assert session.verdict is not None
    if output is not Progress.JSONL:
        say(visible(headline_of(session)))
        for line in by_hand_lines(session):
            say(line)
        say(f"worklog: {visible(str(worklog))}")
    raise typer.Exit(session.verdict.exit_code)
