"""Runs the red faults, remedies on, in a sample that git keeps and a session has proven good; tells what came of it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from tests.adapters.remedies.repository import Repository
from tests.faults.fault import Fault, faults, set_by_hand
from tests.faults.measure import FOCUS, Sample, faulty_sample


class End(Enum):
    """What came of a fault."""

    VERIFIED = "verified"
    DEPLOYED = "GREEN, nothing was red that could verify it"
    REPORTED = "not repaired, right report"
    MISREPORTED = "not repaired, wrong report"
    WRONG = "verified, and the fault is still there"


@dataclass(frozen=True, slots=True)
class Came:
    """What a session made of a fault. is_gone: whether what it deployed last is sound again."""

    fault: Fault
    result: dict[str, Any]
    report: str
    is_gone: bool

    @property
    def end(self) -> End:
        if any(remedy["state"] == "verified" for remedy in self.result["remedies"]):
            return End.VERIFIED if self.is_gone and self.result["verdict"] == "GREEN" else End.WRONG
        if self.result["verdict"] == "GREEN":
            return End.DEPLOYED if self.is_gone else End.WRONG
        wanted = f"`{self.fault.cause}`, `confirmed`" if self.fault.cause else "`unknown`"
        is_right = wanted in self.report and (self.fault.cause or "`confirmed`" not in self.report)
        return End.REPORTED if is_right else End.MISREPORTED


def came_of(sample: Sample, made: Repository, fault: Fault) -> Came:
    """What a session makes of a fault; afterwards the project is as it was, and has no other commit."""
    project, sound = sample.project, made.git("rev-parse", "HEAD")
    before = set_by_hand(project, fault.service) if fault.service else {}
    try:
        fault.apply(project, sample.known)
        made.git("add", "-A")
        made.git("commit", "-q", "--allow-empty", "-m", fault.about)
        project.run("--focus", FOCUS, "--remedies", "apply", "--max-iterations", "4")
        result, report = project.result, (project.sessions[-1] / "issues.md").read_text("utf-8")
        is_gone = _is_gone(made, sound, fault, result["remedies"])
    finally:
        made.git("reset", "-q", "--hard", sound)
    if fault.service:
        set_by_hand(project, before)
    return Came(fault, result, report, is_gone)


def _is_gone(made: Repository, sound: str, fault: Fault, remedies: list[dict[str, Any]]) -> bool:
    """Whether the code is sound that was deployed last; of a service that was given too little, whether it has more."""
    if any(each["kind"] == "rollback" for each in remedies):
        return True  # its image was made of the sound code
    if fault.service:
        return any(each["kind"] == "set_resources" and each["target"] == "backend" for each in remedies)
    commits = [each["receipt"]["commit"] for each in remedies if each["receipt"] and each["receipt"]["commit"]]
    files = [edit.file for edit in fault.edits if not edit.file.startswith("config/")]
    return bool(commits) and all(made.git("diff", sound, commits[-1], "--", file) == "" for file in files)


def line(came: Came) -> str:
    """One fault: what came of it, the verdict, and every remedy with its state."""
    remedies = ", ".join(f"{each['kind']} {each['state']}" for each in came.result["remedies"]) or "no remedy"
    return f"{came.end.name:11} {came.fault.name}: {came.result['verdict']} {came.result['exit_code']}; {remedies}\n"


def table(ends: Iterable[Came]) -> str:
    """A Markdown table: how many faults, known and unknown, came to which end."""
    came = list(ends)
    lines = ["| what came of it | known cause | unknown cause |", "|---|---|---|"]
    for end in End:
        known, unknown = ([each for each in came if each.end is end and bool(each.fault.cause) is is_known]
                          for is_known in (True, False))  # fmt: skip
        lines.append(f"| {end.value} | {len(known)} | {len(unknown)} |")
    return "\n".join(lines) + "\n"


def main(names: list[str]) -> None:
    came = []
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder) / "compiled"
        compiled.mkdir()
        with faulty_sample(Path(folder), compiled) as sample:
            made = Repository(sample.project.path, sample.project.path)
            (made.root / ".gitignore").write_text("worklogs/\n.netra-loop/\n__pycache__/\n", "utf-8")
            made.git("init", "-q", "-b", "main")
            made.git("add", "-A")
            made.git("commit", "-q", "-m", "sound")
            done = sample.project.run("--focus", FOCUS, "--remedies", "off", "--redeploy")
            assert done.code == 0, done.out
            for fault in faults():
                if fault.red and (not names or fault.name in names):
                    came.append(came_of(sample, made, fault))
                    sys.stdout.write(line(came[-1]))
                    sys.stdout.flush()  # a person watches: all of them take minutes
    sys.stdout.write(f"\n{table(came)}")


if __name__ == "__main__":
    main(sys.argv[1:])
