"""What a person takes to an issue tracker: each problem that no remedy is verified for, whole, with its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netra_loop.views.encode import code
from netra_loop.views.story import ledger, problem

Document = dict[str, Any]
_NONE = "GREEN, and no problem that was found is without a verified remedy.\n"
_UNDER_WAY = "The session has not ended; so far it knows of no problem without a verified remedy.\n"


def issues(document: Document) -> str:
    """An issue for each such problem, its title as the first line of its own chapter.

    Where a session is not green and no problem was found, what it ended with is the issue.
    """
    open_ones = [_issue(document, each) for each in _open(document)]
    if open_ones:
        return "\n".join(open_ones)
    if document["verdict"] is None:
        return _UNDER_WAY
    return _NONE if document["verdict"] == "GREEN" else _undiagnosed(document)


def _open(document: Document) -> Iterator[Document]:
    """Those whose remedies were taken back, as they were before; and those of the newest diagnosis about other tests.

    Neither where remedies for all of their tests are verified: one that was only deployed has proven nothing.
    """
    back = {remedy["cause"] for remedy in document["remedies"] if remedy["state"] == "rolled_back"}
    again = {each["id"]: each for each in document["problems"] if each["id"] in back and each["root_cause"]}
    newest = max((each["iteration"] for each in document["problems"]), default=0)
    told = {test for each in again.values() for test in each["tests"]}
    repaired = {test for each in document["remedies"] if each["state"] == "verified" for test in each["tests"]}
    others = (each for each in document["problems"] if each["iteration"] == newest and each["id"] not in again)
    left = (each for each in others if not (told and told.issuperset(each["tests"])))
    yield from (each for each in (*again.values(), *left) if not (each["tests"] and repaired.issuperset(each["tests"])))


def _issue(document: Document, about: Document) -> str:
    tried = [remedy for remedy in document["remedies"] if remedy["id"] in about["remedies"]]
    labels = ["netra-loop", document["environment"], about["id"], "confirmed" if about["root_cause"] else "unknown"]
    lines = [
        *_head(document, about["title"], labels),
        "## What is red, and why as far as it is known",
        "",
        *problem(about),
        "",
        "## What was tried",
        "",
        *ledger(tried),
        "",
        "## What to find out next",
        "",
        f"- {code(_next_look(about))}",
    ]
    return "\n".join(lines) + "\n"


def _undiagnosed(document: Document) -> str:
    """The issue of a session that is not green and of which no problem is known."""
    labels = ["netra-loop", document["environment"], "undiagnosed"]
    actions = [f"- {code(each['text'])}" for each in document["next_actions"]]
    lines = [
        *_head(document, document["reason"], labels),
        "## What to do next",
        "",
        *(actions or ["- nothing is known"]),
    ]
    return "\n".join(lines) + "\n"


def _head(document: Document, title: str, labels: list[str]) -> list[str]:
    git = document["git"]
    return [
        f"# {code(title)}",
        "",
        f"Labels: {', '.join(map(code, labels))}",
        "",
        f"- session {code(document['session_id'])} of {document['started']}, begun by {code(document['command'])}",
        f"- environment {code(document['environment'])}, commit {code(git['sha']) if git else 'none'}",
        f"- verdict {document['verdict'] or 'none yet'}",
        "",
        "## Revisions",
        "",
        *(f"- {code(each['name'])}: {code(each['revision'] or '-')}" for each in document["services"]),
        "",
    ]


def _next_look(about: Document) -> str:
    undecided = [why["undecided"] for why in about["whys"] if why["undecided"]]
    return undecided[-1] if undecided else "why the remedies did not help, or how to make one that does"
