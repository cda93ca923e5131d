"""The door: parse, wire, map the end to an exit code. Typer lives only here."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

import typer

import netra_loop
from netra_loop.adapters.files import State
from netra_loop.adapters.redact import Redactor, secrets_in
from netra_loop.cli import control, doctor, gc, health, local, logs, plan, rollback, run, sessions
from netra_loop.cli.say import say
from netra_loop.core.errors import InternalError, LoopError
from netra_loop.views.encode import visible
from netra_loop.wiring.place import Place, Progress

app = typer.Typer(
    name="ultimate-test-deploy-loop",
    help="Deploy to Cloud Run, test what serves, and keep a worklog that cannot lie.",
    epilog="Exit codes: every command's --help lists its own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
run.add_to(app)
health.add_to(app)
doctor.add_to(app)
control.add_to(app)
rollback.add_to(app)
gc.add_to(app)
sessions.add_to(app)
logs.add_to(app)
app.add_typer(plan.app, name="plan")
app.add_typer(local.app, name="local")


def _version(asked: bool) -> None:
    if asked:
        say(f"ultimate-test-deploy-loop {netra_loop.__version__}")
        raise typer.Exit


@app.callback()
def place(
    context: typer.Context,
    project_dir: Path = typer.Option(Path(), help="The project: config/, phases/ and worklogs/ are below it."),
    state_dir: Path | None = typer.Option(None, help="Where sessions are kept; default .netra-loop in the project."),
    color: str = typer.Option("auto", help="auto, always or never; NO_COLOR is heeded."),
    quiet: bool = typer.Option(False, "-q", "--quiet", help="No progress, only how it ended."),
    verbose: bool = typer.Option(False, "-v", "--verbose", help="Progress with every handle: pids, operations, URLs."),
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """Options that hold for every command."""
    if color not in ("auto", "always", "never"):
        raise typer.BadParameter("choose auto, always or never", param_hint="--color")
    if color != "auto":
        os.environ["FORCE_COLOR" if color == "always" else "NO_COLOR"] = "1"
    project = project_dir.resolve()
    progress = Progress.NONE if quiet else Progress.VERBOSE if verbose else Progress.AUTO
    context.obj = Place(project, State((state_dir or project / ".netra-loop").resolve()), progress)


def enter() -> int:
    """Run the command line; the exit code. An end that a person can act on is told in words, our own bug in full."""
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except LoopError as error:
        _tell(error.message, error.hint)
        return error.exit_code
    except Exception:
        _tell(f"{traceback.format_exc()}\nthis is a bug of ours", "the session, if there was one, can be resumed")
        return InternalError.exit_code
    return 0


def _tell(message: str, hint: str) -> None:
    """Print an error, secrets masked and every line safe for a terminal."""
    message = Redactor(secrets_in(os.environ)).text(message)
    lines = [visible(line) for line in message.splitlines()] + ([f"next: {visible(hint)}"] if hint else [])
    sys.stderr.write("".join(f"{line}\n" for line in lines))
