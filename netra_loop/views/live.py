"""The session on a terminal while it runs: one table, redrawn."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from netra_loop.core.agenda import Standing, phase_outcome, standing
from netra_loop.core.ledger import RemedyState, ledger
from netra_loop.core.outcome import RED_OUTCOMES, Colour, Outcome, TestOutcome
from netra_loop.core.plan import Kind, Phase, Step
from netra_loop.core.problem import Diagnosed
from netra_loop.core.results import results_of
from netra_loop.core.session import ActRecord, Iteration, Session
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
    """What earlier iterations came to, the newest one, a row a phase that passed and a row an act otherwise."""
    focus, environment = visible(session.plan.focus), visible(session.plan.environment.name)
    head = Text.assemble((f"{visible(session.id)}  ", "bold"), f"focus {focus}  on {environment}")
    iteration = session.current
    if iteration is None:
        return head
    table = Table(box=None, pad_edge=False, expand=True, show_header=True, header_style="dim")
    for name in ("", f"iteration {iteration.number}", "outcome", "tests", "counted", "seconds"):
        table.add_column(name, justify="right" if name in ("tests", "counted", "seconds") else "left", no_wrap=True)
    table.add_column("what", ratio=1, no_wrap=True, overflow="ellipsis")
    for phase in session.plan.phases:
        for row in _phase(session, iteration, phase):
            table.add_row(*row)
    for record in _beside_the_plan(session, iteration):
        table.add_row(*_record_row(session, record))
    told: list[RenderableType] = [*_earlier(session, iteration), table, *_remedies(session), *_questions(session)]
    return Group(head, *told, _verdict(session)) if session.verdict else Group(head, *told)


def _earlier(session: Session, iteration: Iteration) -> Iterator[Text]:
    """A line an iteration before the newest."""
    for each in session.iterations[: iteration.number - 1]:
        tests = [test for record in each.of_kind(Kind.SUITE) for test in results_of(session, record)]
        red = sum(test.outcome in RED_OUTCOMES for test in tests)
        counted = count_proofs(tests).counted
        yield Text(f"  iteration {each.number}: {counted} of {len(tests)} counted, {red} red", style="dim")


def _remedies(session: Session) -> Iterator[Text]:
    for line in ledger(session):
        remedy = line.remedy
        style = {RemedyState.VERIFIED: "green", RemedyState.REFUTED: "red", RemedyState.REGRESSED: "red"}
        told = f"{visible(remedy.id)} {visible(remedy.change)}, for {len(remedy.tests)} red tests: "
        yield Text.assemble("  ", told, (line.state.value, style.get(line.state, "yellow")))


def _questions(session: Session) -> Iterator[Text]:
    """What waits for an answer, last on the screen and in full."""
    for record in session.running:
        yield from (Text(visible(line)) for line in record.handle.get("shown", "").splitlines())
        if "question" in record.handle:
            yield Text(visible(record.handle["question"]), style="bold")


def _beside_the_plan(session: Session, iteration: Iteration) -> tuple[ActRecord, ...]:
    planned = {step.id for step in session.plan.steps}
    return tuple(record for record in iteration.acts.values() if record.act.step not in planned)


def _phase(session: Session, iteration: Iteration, phase: Phase) -> Iterator[tuple[Text, ...]]:
    """One row for a phase that passed or is out of focus, else a row a step."""
    outcome = phase_outcome(session, iteration, phase)
    records = [record for step in phase.steps if (record := iteration.of_step(step.id))]
    if outcome not in (Outcome.PASSED, Outcome.SKIPPED) or len(phase.steps) == 1:
        yield from (_row(session, iteration, step) for step in phase.steps)
        return
    tests = [test for record in records for test in results_of(session, record)]
    ends = [record.ended for record in records if record.ended]
    seconds = (max(ends) - min(r.started for r in records)).total_seconds() if ends else None
    style = _STYLES[outcome]
    yield (
        Text("✓" if outcome is Outcome.PASSED else "-", style),
        Text(visible(phase.id)),
        Text(outcome.value, style),
        Text(f"{len(tests)}/{len(tests)}" if tests else ""),
        Text(str(count_proofs(tests).counted) if tests else ""),
        Text("" if seconds is None else f"{seconds:.1f}"),
        Text(f"{len(records)} steps", style="dim"),
    )


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
    return (
        Text(mark, style),
        Text(visible(record.act.step)),
        Text(outcome.value if outcome else "running", style),
        Text(f"{ended}/{counts.collected}" if tests else ""),
        Text(str(count_proofs(tests).counted) if tests else ""),
        Text(f"{seconds:.1f}"),
        Text(visible(_what(record)), style="dim", overflow="ellipsis"),
    )


def _what(record: ActRecord) -> str:
    """Why an act ended as it did, what it found, or what it does."""
    if record.result is None:
        return record.handle.get("command", "")
    if isinstance(record.result.seen, Diagnosed):
        return "; ".join(problem.root_cause or problem.title for problem in record.result.seen.problems)
    return "; ".join(record.result.reasons)


def _verdict(session: Session) -> Text:
    assert session.verdict is not None
    verdict = session.verdict
    return Text.assemble((f"{verdict.colour.value}  ", _COLOURS[verdict.colour]), visible(verdict.reason))
