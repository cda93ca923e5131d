"""What a person takes to an issue tracker: each problem that no remedy is verified for, whole and with its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netra_loop.views.encode import code
from netra_loop.views.story import ledger, problem

Document = dict[str, Any]
_NONE = "No problem of the newest iteration is without a verified remedy.\n"


def issues(document: Document) -> str:
    """An issue for each such problem, its title as the first line of its own chapter."""
    open_ones = list(_open(document))
    return "\n".join(_issue(document, each) for each in open_ones) if open_ones else _NONE


def _open(document: Document) -> Iterator[Document]:
    """Those whose remedies were taken back, as they were before; and those of the newest iteration about other tests.

    Of a problem that was repaired nothing is left in the newest iteration.
    """
    back = {remedy["cause"] for remedy in document["remedies"] if remedy["state"] == "rolled_back"}
    again = {each["id"]: each for each in document["problems"] if each["id"] in back and each["root_cause"]}
    newest = document["iterations"][-1]["number"] if document["iterations"] else 0
    told = {test for each in again.values() for test in each["tests"]}
    yield from again.values()
    for each in document["problems"]:
        if each["iteration"] == newest and each["id"] not in again and not (told and told.issuperset(each["tests"])):
            yield each


def _issue(document: Document, about: Document) -> str:
    tried = [remedy for remedy in document["remedies"] if remedy["id"] in about["remedies"]]
    labels = ["netra-loop", document["environment"], about["id"], "confirmed" if about["root_cause"] else "unknown"]
    git = document["git"]
    lines = [
        f"# {code(about['title'])}",
        "",
        f"Labels: {', '.join(map(code, labels))}",
        "",
        f"- session {code(document['session_id'])} of {document['started']}, begun by {code(document['command'])}",
        f"- environment {code(document['environment'])}, commit {code(git['sha']) if git else 'none'}",
        "",
        "## Revisions",
        "",
        *(f"- {code(each['name'])}: {code(each['revision'] or '-')}" for each in document["services"]),
        "",
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


def _next_look(about: Document) -> str:
    undecided = [why["undecided"] for why in about["whys"] if why["undecided"]]
    return undecided[-1] if undecided else "why the remedies did not help, or how to make one that does"
