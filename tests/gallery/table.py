"""The table of the gallery: one row a project, what plain pytest says of it and what we say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from netra_loop.core.events import TestResult
from netra_loop.core.outcome import TestOutcome

from .projects import Project
from .runs import Seen

_HEAD = (
    "| shows | project | tests: honest, not | plain pytest: exit code, passed "
    "| proven by evidence alone: honest, not | proven with the control: honest, not |\n"
    "|---|---|---|---|---|---|\n"
)


def table(seen: Iterable[Seen]) -> str:
    """Markdown: the projects in the order of what they show, and their sum."""
    ordered = sorted(seen, key=lambda each: (_order(each.project.shows), each.project.name))
    total = [sum(column) for column in zip(*map(_numbers, ordered), strict=True)]
    return _HEAD + "".join((*map(row, ordered), _row("", "**all**", "", total)))


def row(seen: Seen) -> str:
    """The line of one project."""
    project = seen.project
    return _row(project.shows, f"`{project.name}` {project.does}", str(project.plain), _numbers(seen))


def proven(tests: Mapping[str, TestResult], project: Project, *, honest: bool) -> list[str]:
    """The names of the tests that count as shown, among the honest ones or among the others."""
    return [
        name
        for name, label in project.labels.items()
        if label.honest is honest and (test := tests.get(name)) and test.proof and test.proof.counts
    ]


def _numbers(seen: Seen) -> list[int]:
    honest = sum(label.honest for label in seen.project.labels.values())
    return [
        honest,
        len(seen.project.labels) - honest,
        sum(test.outcome is TestOutcome.PASSED for test in seen.alone.values()),
        *(
            len(proven(tests, seen.project, honest=kind))
            for tests in (seen.alone, seen.controlled)
            for kind in (True, False)
        ),
    ]


def _row(shows: str, about: str, exit_code: str, numbers: list[int]) -> str:
    honest, others, passed, *proofs = numbers
    plain = f"{exit_code}, {passed}" if exit_code else f"{passed}"
    return (
        f"| {shows} | {about} | {honest}, {others} | {plain} | {proofs[0]}, {proofs[1]} | {proofs[2]}, {proofs[3]} |\n"
    )


def _order(shows: str) -> tuple[int, str]:
    first = shows.split()[0].removeprefix("X")
    return (int(first) if first.isdigit() else 99, shows)
