"""One session a fault in the sample, and whether its diagnosis is right, wrong or honestly unknown."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from tests.certificate import certificate_of_localhost
from tests.day.day import ROOT, day_project, with_faults
from tests.faults.fault import Fault, set_by_hand
from tests.small_project import Project

SAMPLE = "netra_loop/sample"
FOCUS = "p1-critical"
QUICKER = (  # what the day waits for on purpose, and no fault here needs
    ("REPORT_LATENCY: 1.6", "REPORT_LATENCY: 0.2"),
    ("peer: 10s", "peer: 100ms"),
)


class Mark(Enum):
    """How a diagnosis did. WRONG: it confirmed a cause that it is not, which is worse than UNKNOWN."""

    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Told:
    """What a session told of a fault: its verdict and its problems.

    shown: whether what the library or the platform should write was there, in what the session kept.
    """

    fault: Fault
    verdict: str
    problems: tuple[dict[str, Any], ...]
    shown: bool = True

    @property
    def confirmed(self) -> tuple[str, ...]:
        return tuple(problem["id"] for problem in self.problems if problem["root_cause"])

    @property
    def mark(self) -> Mark:
        """Right: the cause, first; no cause and a next look where none is known; nothing where nothing is wrong."""
        if set(self.confirmed) - {self.fault.cause}:
            return Mark.WRONG
        if self.fault.cause:
            return (
                Mark.RIGHT
                if self.shown and self.problems and self.confirmed == (self.problems[0]["id"],)
                else Mark.UNKNOWN
            )
        is_right = bool(self.problems) and all(_next_look(problem) for problem in self.problems)
        return Mark.RIGHT if (is_right if self.fault.red else self.verdict == "GREEN") else Mark.WRONG


def _next_look(problem: dict[str, Any]) -> str:
    return problem["whys"][-1]["undecided"] or ""


@contextmanager
def faulty_sample(folder: Path, compiled: Path) -> Iterator[Sample]:
    """The sample without the faults of its day, deployed once."""
    certificate = certificate_of_localhost(folder / "certificate.pem")
    with day_project(folder / "project", compiled) as project:
        sample = Sample(project, {"CERTIFICATE": str(certificate), "STORE": ""})
        sample.heal()
        project.run("--focus", "health", "--remedies", "off")
        yield sample


@dataclass(slots=True)
class Sample:
    project: Project
    known: dict[str, str]

    def heal(self) -> None:
        """The project as it ships, without the faults of its day."""
        shutil.rmtree(self.project.path / SAMPLE)
        shutil.copytree(ROOT / SAMPLE, self.project.path / SAMPLE, ignore=shutil.ignore_patterns("__pycache__"))
        with_faults(self.project, frozenset())
        for slow, quick in QUICKER:
            self.project.change("config/local.yaml", slow, quick)
        text = (self.project.path / "config/local.yaml").read_text("utf-8")
        self.known["STORE"] = text.partition("address: ")[2].partition(" ")[0]

    def told(self, fault: Fault) -> Told:
        """What a session tells of a fault; afterwards the sample is as it was."""
        try:
            before = set_by_hand(self.project, fault.service) if fault.service else {}
            fault.apply(self.project, self.known)
            self.project.run("--focus", FOCUS, "--remedies", "off")
            result = self.project.result
        finally:
            self.heal()
        if fault.service:
            set_by_hand(self.project, before)
        return Told(fault, result["verdict"], tuple(result["problems"]), _is_kept(self.project, fault.writes))


def _is_kept(project: Project, text: str) -> bool:
    """Whether a text stands in an artifact or in the result of the newest session."""
    session = project.sessions[-1]
    files = [*session.glob("artifacts/**/*.txt"), session / "result.json"]
    return any(text in file.read_text("utf-8", "replace") for file in files)


def table(all_told: Iterable[Told]) -> str:
    """A Markdown table: a row for each kind of fault, with what was right, wrong and unknown."""
    told = list(all_told)
    kinds = {
        "with a cause that is known": [each for each in told if each.fault.cause],
        "with one that is not": [each for each in told if not each.fault.cause and each.fault.red],
        "none; GREEN, so not diagnosed": [each for each in told if not each.fault.red],
    }
    lines = ["| fault | sessions | right | wrong | unknown |", "|---|---|---|---|---|"]
    for kind, ours in kinds.items():
        marks = [each.mark for each in ours]
        counts = " | ".join(str(marks.count(mark)) for mark in Mark)
        lines.append(f"| {kind} | {len(ours)} | {counts} |")
    return "\n".join(lines) + "\n"
