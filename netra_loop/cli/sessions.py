"""`sessions`, `report` and `worklog`: any view of any session, from its journal."""

from __future__ import annotations

import typer

from netra_loop.cli.say import say
from netra_loop.core.errors import StorageError, UsageError
from netra_loop.views.encode import visible
from netra_loop.wiring.place import Place
from netra_loop.wiring.reports import REPORTS, read_session, rebuild_worklog

_SESSION = typer.Argument(help="A session's id, a unique prefix of it, or last.")
_CODES = "Exit codes: 0 done, 2 no such session, 74 the journal cannot be read."

sessions = typer.Typer(help="Sessions of this project.", no_args_is_help=True)
worklog = typer.Typer(help="Worklogs of this project.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.add_typer(sessions, name="sessions")
    app.add_typer(worklog, name="worklog")
    app.command(epilog=_CODES)(report)


@sessions.command("list", epilog=_CODES)
def list_sessions(context: typer.Context) -> None:
    """List every session, the oldest first."""
    from netra_loop.views.sessions import session_line

    place: Place = context.obj
    for name in place.state.session_ids():
        try:
            say(session_line(read_session(place, name)))
        except StorageError as error:
            say(visible(f"{name}  {error.message}"))


@sessions.command(epilog=_CODES)
def show(context: typer.Context, session: str = _SESSION) -> None:
    """Show one session: its verdict, its suites, where its worklog is."""
    from netra_loop.views.sessions import session_text

    place: Place = context.obj
    found = read_session(place, session)
    say(session_text(found))
    say(f"worklog: {visible(str(place.worklog(found.id)))}")


def report(
    context: typer.Context,
    session: str = _SESSION,
    form: str = typer.Option("md", "--format", help="md, json or issues: each open problem, ready for a tracker."),
) -> None:
    """Print a session in one of its forms."""
    if form not in REPORTS:
        raise UsageError(f"no report format {form!r}", f"known are: {', '.join(REPORTS)}")
    say(REPORTS[form](read_session(context.obj, session)))


@worklog.command(epilog=_CODES)
def rebuild(context: typer.Context, session: str = _SESSION) -> None:
    """Write a session's worklog and result.json anew from its journal; an edited one is kept beside it."""
    path = rebuild_worklog(context.obj, session)
    say(visible(str(path)))
