"""`local`: the embedded Cloud Run of this project."""

from __future__ import annotations

import shlex

import typer

from netra_loop.cli.say import say
from netra_loop.views.encode import visible
from netra_loop.wiring.cloud import (
    embedded_log_lines,
    gcloud_variables,
    purge_embedded,
    running_embedded,
    start_embedded,
    stop_embedded,
)
from netra_loop.wiring.plans import Ask, read_plan

app = typer.Typer(help="The embedded Cloud Run of this project.", no_args_is_help=True)

_CODES = "Exit codes: 0 done, 2 plan invalid, 4 it does not run, 8 it did not start or did not end."


@app.command(epilog=_CODES)
def up(context: typer.Context) -> None:
    """Start it, or join it, with what services depend on; it ends on `down` or after 15 idle minutes."""
    server, _ = start_embedded(context.obj, read_plan(context.obj, Ask()))
    say(f"the embedded Cloud Run answers at {server.url}; `local down` ends it")


@app.command(epilog=_CODES)
def down(
    context: typer.Context,
    purge: bool = typer.Option(False, "--purge", help="Delete its services, images and logs, too."),
) -> None:
    """End it and every process it runs; the next `up` finds its services as they were."""
    say("the embedded Cloud Run is down" if stop_embedded(context.obj) else "it was not running")
    if purge:
        say(f"deleted: {', '.join(purge_embedded(context.obj)) or 'nothing, for nothing was kept'}")


@app.command(epilog=_CODES)
def status(context: typer.Context) -> None:
    """Show services, revisions, traffic, instances and URLs."""
    from netra_loop.views.local_status import local_status

    say(local_status(running_embedded(context.obj).status()))


@app.command(epilog=_CODES)
def fault(
    context: typer.Context,
    kind: str = typer.Argument("", help="What goes wrong; without it, what is armed is shown."),
    service: str = typer.Option("", help="The service on Cloud Run that it is about; default all."),
    delay: float = typer.Option(5.0, min=0, help="Seconds, where time is what goes wrong."),
    times: int = typer.Option(1, min=1, help="How many calls meet it."),
    clear: bool = typer.Option(False, "--clear", help="Have nothing go wrong any more."),
) -> None:
    """Have it do what Cloud Run does on a bad day, for tests: a call that fails, an operation that hangs, ..."""
    from netra_loop.views.local_status import armed_faults

    server = running_embedded(context.obj)
    if clear:
        server.clear_faults()
    if kind:
        server.arm(kind, service, delay, times)
    say(armed_faults(server.faults()))


@app.command(epilog=_CODES)
def env(context: typer.Context) -> None:
    """Print what gcloud needs to talk to it, for a shell: eval "$(netra-loop local env)"."""
    server = running_embedded(context.obj)
    plan = read_plan(context.obj, Ask())
    for name, value in gcloud_variables(context.obj, plan.environment, server.url).items():
        say(f"export {name}={shlex.quote(value)}")


@app.command(epilog=_CODES)
def logs(
    context: typer.Context,
    service: str = typer.Argument("", help="Only this service's entries."),
    limit: int = typer.Option(100, min=1, max=1000, help="Entries at most, the newest."),
) -> None:
    """Print the newest log entries."""
    plan = read_plan(context.obj, Ask())
    for line in embedded_log_lines(context.obj, plan, service, limit):
        say(visible(line))
