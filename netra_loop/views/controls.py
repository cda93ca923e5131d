"""Negative controls, told: which tests still pass without their target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netra_loop.views.encode import code
from netra_loop.views.markdown import figure, table

Document = dict[str, Any]


def still_passing(iteration: Document) -> Iterator[Document]:
    """The tests of an iteration that pass without their target, each with its suite and what it passes against."""
    for phase in iteration["phases"]:
        for step in phase["steps"]:
            if step["kind"] == "control" and step["seen"]:
                yield from ({"suite": step["subject"]} | each for each in step["seen"]["still_passing"])


def control(seen: Document | None) -> list[str]:
    """What a suite's control saw, for the worklog; nothing before it has ended."""
    if seen is None:
        return []
    ended = [f"against a {name} target: {figure(seen['counts'][name])}" for name in ("dead", "sabotaged")]
    when = "kept from the last time that the tests were the same" if seen["cached"] else "run now"
    told = [f"- tests {', '.join(ended)}; {when}, digest {code(seen['digest'])}"]
    rows = [[code(each["id"]), " and ".join(each["against"])] for each in seen["still_passing"]]
    head = ("Test that still passes", "Target")
    return [*told, "", *table(head, rows)] if rows else [*told, "- no test still passes"]
