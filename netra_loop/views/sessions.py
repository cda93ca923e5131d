"""Sessions in a line, and in a few."""

from __future__ import annotations

from netra_loop.core.session import Session
from netra_loop.views.controls import still_passing
from netra_loop.views.encode import visible
from netra_loop.views.result import result_of
from netra_loop.views.table import columns
from netra_loop.views.worklog import headline


def headline_of(session: Session) -> str:
    """The verdict in words and numbers, with its reason."""
    document = result_of(session)
    return visible(f"{headline(document)} ({document['reason']})")


def still_passing_lines(session: Session) -> list[str]:
    """The tests that the newest iteration's controls name, one a line."""
    iterations = result_of(session)["iterations"]
    found = still_passing(iterations[-1]) if iterations else ()
    return [visible(f"still passes: {e['suite']}::{e['id']} (target {' and '.join(e['against'])})") for e in found]


def left_lines(session: Session) -> list[str]:
    """What a rollback leaves as it is, one a line: services without a step, and what no rollback undoes."""
    document = result_of(session)
    going = {step.subject for step in session.plan.steps}
    stay = [f"stays as it is: {each['name']}" for each in document["services"] if each["name"] not in going]
    return [visible(line) for line in (*stay, *(f"not undone by a rollback: {s}" for s in document["not_undone"]))]


def by_hand_lines(session: Session) -> list[str]:
    """What a person can type where the traffic is not proven good, exactly, one a line."""
    return [visible(line) for line in result_of(session)["by_hand"]["lines"]]


def session_line(session: Session) -> str:
    """Id and headline."""
    return f"{visible(session.id)}  {visible(headline(result_of(session)))}"


def session_text(session: Session) -> str:
    """The headline, the suites of the newest iteration, the next actions."""
    document = result_of(session)
    lines = [visible(session.id), headline_of(session), f"started {document['started']}, {document['duration_s']} s"]
    suites = document["iterations"][-1]["suites"] if document["iterations"] else []
    rows = [("SUITE", "OUTCOME", "COLLECTED", "PASSED", "COUNTED", "SECONDS", "REASONS")]
    rows += [
        (
            suite["id"],
            suite["outcome"] or "open",
            str(suite["counts"]["collected"]),
            str(suite["counts"]["passed"]),
            str(suite["counted"]),
            "-" if suite["duration_s"] is None else str(suite["duration_s"]),
            ", ".join(suite["reasons"]) or "-",
        )
        for suite in suites
    ]
    lines += columns(rows)
    lines += [f"next: {visible(action['text'])}" for action in document["next_actions"]]
    return "\n".join(lines)
