"""`logs`: what an exported log says, by pattern."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from netra_loop.adapters.logexport import mined_export
from netra_loop.adapters.redact import Redactor, secrets_in
from netra_loop.cli.say import say
from netra_loop.core.errors import UsageError
from netra_loop.views.encode import visible
from netra_loop.views.patterns import export_lines

_CODES = "Exit codes: 0 done, 2 the file cannot be read or holds no log entry."


def add_to(app: typer.Typer) -> None:
    app.command(epilog=_CODES)(logs)


def logs(
    file: Path = typer.Argument(help="Entries of Cloud Logging, one as JSON a line, as a sink exports them."),
    most: int = typer.Option(20, min=1, help="Patterns of WARNING and above, and as many of the others."),
) -> None:
    """Count the entries of an exported log by what they say; a file of any size takes the same memory."""
    try:
        found = mined_export(file)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}", "name a file of exported log entries") from error
    lines = export_lines(found, most)
    if not lines:
        hint = "one JSON object a line is read: gcloud logging read ... --format=json | jq -c '.[]'"
        raise UsageError(f"{file} holds no log entry", hint)
    redactor = Redactor(secrets_in(os.environ))
    for line in lines:
        say(visible(redactor.text(line)))
