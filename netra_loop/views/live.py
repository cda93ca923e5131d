"""The session on a terminal while it runs: one table, redrawn."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from netra_loop.core.agenda import Standing, standing
from netra_loop.core.outcome import Colour, Outcome, TestOutcome
from netra_loop.core.plan import Step
from netra_loop.core.session import ActRecord, Iteration, Session, results_of
from netra_loop.core.suites import count, count_proofs
from netra_loop.views.encode import visible

_STYLES = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "red",
    Outcome.ERRORED: "magenta",
    Outcome.INCOMPLETE: "yellow",
    Outcome.SKIPPED: "dim",
}
_COLOURS = {
    Colour.GREEN: "bold green",
    Colour.RED: "bold red",
    Colour.UNSAFE: "bold white on red",
    Colour.ERROR: "bold magenta",
    Colour.INCOMPLETE: "bold yellow",
}


def draw(session: Session) -> RenderableType:
    """The newest iteration, a row an act, and the verdict once there is one."""
    focus, environment = visible(session.plan.focus), visible(session.plan.environment.name)
    head = Text.assemble((f"{visible(session.id)}  ", "bold"), f"focus {focus}  on {environment}")
    iteration = session.current
    if iteration is None:
        return head
    table = Table(box=None, pad_edge=False, show_header=True, header_style="dim")
    for name in ("", "step", "outcome", "tests", "counted", "seconds", "what"):
        table.add_column(name, justify="right" if name in ("tests", "counted", "seconds") else "left", no_wrap=True)
    for step in session.plan.steps:
        table.add_row(*_row(session, iteration, step))
    for record in iteration.acts.values():
        if record.act.step not in {step.id for step in session.plan.steps}:
            table.add_row(*_record_row(session, record))
    foot = _verdict(session) if session.verdict else Text(f"iteration {iteration.number}", style="dim")
    return Group(head, table, foot)


def _row(session: Session, iteration: Iteration, step: Step) -> tuple[Text, ...]:
    record = iteration.of_step(step.id)
    if record is not None:
        return _record_row(session, record)
    where = standing(session, iteration, step)
    style = "dim" if where in (Standing.OUT_OF_FOCUS, Standing.WAITING, Standing.READY) else "yellow"
    blank = Text("")
    return (Text(" "), Text(visible(step.id), style), Text(where.value, style), blank, blank, blank, blank)


def _record_row(session: Session, record: ActRecord) -> tuple[Text, ...]:
    outcome = record.result.outcome if record.result else None
    style = _STYLES[outcome] if outcome else "cyan"
    mark = {Outcome.PASSED: "✓", Outcome.SKIPPED: "-", None: "•"}.get(outcome, "✗")
    tests = results_of(session, record)
    counts = count(tests)
    ended = counts.collected - sum(t.outcome in (TestOutcome.NOT_RUN, TestOutcome.TIMEOUT) for t in tests)
    seconds = ((record.ended or session.at) - record.started).total_seconds()
    what = "; ".join(record.result.reasons) if record.result else record.handle.get("command", "")
    return (
        Text(mark, style),
        Text(visible(record.act.step)),
        Text(outcome.value if outcome else "running", style),
        Text(f"{ended}/{counts.collected}" if tests else ""),
        Text(str(count_proofs(tests).counted) if tests else ""),
        Text(f"{seconds:.1f}"),
        Text(visible(what), style="dim", overflow="ellipsis"),
    )


def _verdict(session: Session) -> Text:
    assert session.verdict is not None
    verdict = session.verdict
    return Text.assemble((f"{verdict.colour.value}  ", _COLOURS[verdict.colour]), visible(verdict.reason))
