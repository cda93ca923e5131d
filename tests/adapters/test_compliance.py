"""Small real checkers, run on a folder."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest

from netra_loop.adapters.compliance import ComplianceRunner
from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.redact import Redactor
from netra_loop.core.compliance import Checked, Checker
from netra_loop.core.outcome import Outcome
from netra_loop.core.seen import Result
from tests.adapters.children import LIMIT

COUNTS_TABS = """
import pathlib, sys
names = sorted(pathlib.Path(".").rglob("*.txt"))
bad = sum("\\t" in name.read_text() for name in names)
for name in names:
    print("checked", name)
print(f"{len(names)} files, {bad} violations")
sys.exit(bool(bad))
"""


@dataclass
class Desk:
    """Where one test's checker works; tree is not the project."""

    path: Path
    handles: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> SessionFolder:
        return SessionFolder(self.path / "session")

    def holds(self, **files: str) -> Desk:
        for name, text in files.items():
            (self.path / "tree" / f"{name}.txt").write_text(text, "utf-8")
        return self

    def check(self, source: str, timeout: float = LIMIT) -> Result:
        return self.run((sys.executable, "-I", "-S", "-c", source), timeout)

    def run(self, argv: tuple[str, ...], timeout: float = LIMIT) -> Result:
        checker = Checker(argv, "tabs", "([0-9]+) files", "([0-9]+) violations", "^checked (.+)$")
        runner = ComplianceRunner(self.path / "project", self.folder, Redactor([]))
        kept = self.folder.path / "output.txt"
        return anyio.run(runner.check, self.path / "tree", checker, kept, self.told, timeout)

    def told(self, handle: Mapping[str, str]) -> None:
        self.handles.update(handle)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    for name in ("project", "session", "tree"):
        (tmp_path / name).mkdir()
    return Desk(tmp_path)


def test_a_folder_that_keeps_the_rules_passes_with_its_counts_and_its_output(desk: Desk) -> None:
    result = desk.holds(a="x", b="y").check(COUNTS_TABS)

    assert (result.outcome, result.reasons) == (Outcome.PASSED, ())
    assert isinstance(result.seen, Checked)
    assert (result.seen.files, result.seen.violations, result.seen.listed, result.seen.exit_code) == (2, 0, 2, 0)
    (evidence,) = result.evidence
    assert (desk.folder.path / evidence.ref).read_text("utf-8").endswith("2 files, 0 violations\n")
    assert set(desk.handles) == {"command", "pid"}


def test_a_folder_that_breaks_a_rule_fails(desk: Desk) -> None:
    result = desk.holds(a="x", b="\t").check(COUNTS_TABS)

    assert (result.outcome, result.reasons) == (Outcome.FAILED, ("violations 1",))


def test_a_checker_that_finds_no_file_is_an_error(desk: Desk) -> None:
    result = desk.check(COUNTS_TABS)

    assert (result.outcome, result.reasons) == (Outcome.ERRORED, ("checked no file",))


@pytest.mark.parametrize(
    ("source", "outcome", "reason"),
    [
        ("print('100 % compliant')", Outcome.ERRORED, "counts not found: files, violations"),
        (
            "raise SystemExit('checked a\\n1 files, 0 violations')",
            Outcome.ERRORED,
            "disagreement: exit 1, violations 0",
        ),
        ("print('checked a\\n1 files, 3 violations')", Outcome.ERRORED, "disagreement: exit 0, violations 3"),
        ("print('x' * 9_000_000)", Outcome.ERRORED, "said more than is kept"),
    ],
)
def test_what_nobody_can_believe_is_an_error(desk: Desk, source: str, outcome: Outcome, reason: str) -> None:
    result = desk.check(source)

    assert (result.outcome, result.reasons) == (outcome, (reason,))


def test_a_checker_that_takes_too_long_is_ended_and_its_counts_are_not_taken(desk: Desk) -> None:
    waits = "import time; print('checked a\\n1 files, 0 violations', flush=True); time.sleep(600)"
    result = desk.check(waits, timeout=1.0)

    assert (result.outcome, result.reasons, result.seen) == (Outcome.INCOMPLETE, ("timed_out",), None)


def test_a_checker_that_is_not_there_is_an_error(desk: Desk) -> None:
    result = desk.run(("no-such-checker",))

    assert (result.outcome, result.reasons, result.seen) == (Outcome.ERRORED, ("not_started",), None)
