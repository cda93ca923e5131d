"""One line an event, for logs and pipes."""

from __future__ import annotations

import json
from typing import assert_never

from netra_loop.core import codec
from netra_loop.core.events import (
    ActEnded,
    ActStarted,
    Entry,
    HandleKnown,
    Interrupted,
    IterationBegun,
    ReaderUnplugged,
    SessionFinished,
    SessionOpened,
    SessionResumed,
    StopAsked,
    TestsCollected,
    TestsObserved,
    Ticked,
)
from netra_loop.core.outcome import TestOutcome
from netra_loop.core.problem import Diagnosed, Problem
from netra_loop.core.seen import Result
from netra_loop.core.session import Session
from netra_loop.views.encode import visible


def plain_line(entry: Entry, session: Session) -> str:
    """What happened, in one line that is safe for a terminal; empty for what nobody needs to read.

    Above a question stand the lines that it is about.
    """
    told = _told(entry, session)
    shown = entry.event.handle.get("shown", "") if isinstance(entry.event, HandleKnown) else ""
    return "\n".join(map(visible, (*shown.splitlines(), f"{entry.at:%H:%M:%S}Z {told}"))) if told else ""


def verbose_line(entry: Entry, session: Session) -> str:
    """As `plain_line`, with every handle of an act as it becomes known."""
    if isinstance(entry.event, HandleKnown):
        told = ", ".join(f"{name} {value}" for name, value in entry.event.handle.items())
        return visible(f"{entry.at:%H:%M:%S}Z {_step(entry.event.act_id)}: {told}")
    return plain_line(entry, session)


def json_line(entry: Entry, session: Session) -> str:
    """The entry as one JSON line."""
    record = {"seq": entry.seq, "at": codec.timestamp(entry.at), "event": codec.encode(entry.event)}
    return json.dumps(record, ensure_ascii=True)


def _told(entry: Entry, session: Session) -> str:
    match entry.event:
        case SessionOpened(session_id):
            return f"session {session_id} opened"
        case SessionResumed(command):
            return f"resumed by {command}"
        case IterationBegun(number):
            return f"iteration {number} of {session.plan.budget.iterations}"
        case ActStarted(act):
            return f"{act.step} started"
        case HandleKnown(act_id, handle) if "command" in handle:
            return f"{_step(act_id)}: {handle['command']}"
        case HandleKnown(_, handle) if "question" in handle:
            return handle["question"]
        case TestsCollected(act_id, ids):
            return f"{_step(act_id)}: {len(ids)} tests collected"
        case TestsObserved(act_id, results, _) if results:
            return f"{_step(act_id)}: {_progress(entry, session)}"
        case StopAsked(act_id, why):
            return f"{_step(act_id)}: stopping, {why}"
        case ActEnded(act_id, Result(seen=Diagnosed(problems))):
            return f"{_step(act_id)}: {'; '.join(map(_problem, problems))}"
        case ActEnded(act_id, result):
            because = f": {'; '.join(result.reasons)}" if result.reasons else ""
            return f"{_step(act_id)} {result.outcome.value}{because}"
        case Interrupted(signal):
            return f"signal {signal}: stopping; once more to force"
        case ReaderUnplugged(reader, message):
            return f"the view {reader} failed and is off: {message}"
        case SessionFinished(verdict):
            return f"{verdict.colour.value}, exit {verdict.exit_code}: {verdict.reason}"
        case Ticked() | HandleKnown() | TestsObserved():
            return ""
        case _:
            assert_never(entry.event)


def _problem(problem: Problem) -> str:
    return f"{len(problem.tests)} red tests, {problem.root_cause or f'{problem.title} (not confirmed)'}"


def _step(act_id: str) -> str:
    return act_id.partition("/")[2]


def _progress(entry: Entry, session: Session) -> str:
    """How far a suite is, and every test of this batch that did not pass, by name."""
    assert isinstance(entry.event, TestsObserved)
    tests = session.record(entry.event.act_id).tests
    ended = len({result.id for result in tests.results})
    others = [f"{r.id} {r.outcome.value}" for r in entry.event.results if r.outcome is not TestOutcome.PASSED]
    return ", ".join((f"{ended} of {len(tests.collected)} tests ended", *others))
