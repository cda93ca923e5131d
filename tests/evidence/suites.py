"""Runs small suites under the plugin, as the orchestrator does: another interpreter, its own folder, its own stream."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PLUGIN_FOLDER = Path(__file__).parents[2] / "netra_loop" / "evidence"
NOT_INHERITED = ("PYTEST_", "NETRA_LOOP_", "COV_", "PYTHONOPTIMIZE", "PYTHONDONTWRITEBYTECODE")

Line = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """What a run left behind: its exit code, its output and the lines of its stream."""

    exit_code: int
    output: str
    lines: list[Line]

    @property
    def kinds(self) -> list[str]:
        return [line["kind"] for line in self.lines]

    def of_kind(self, kind: str) -> list[Line]:
        return [line for line in self.lines if line["kind"] == kind]

    def the(self, kind: str) -> Line:
        (line,) = self.of_kind(kind)
        return line

    def results(self, test: str) -> list[Line]:
        return [line for line in self.of_kind("result") if line["id"].endswith(test)]

    def result(self, test: str) -> Line:
        (line,) = self.results(test)
        return line

    def outcomes(self) -> list[tuple[str, str]]:
        return [(line["id"].partition("::")[2], line["outcome"]) for line in self.of_kind("result")]


class Suite:
    """A project of a few files that is tested in a process of its own."""

    def __init__(self, folder: Path, compiled: Path) -> None:
        self.folder = folder
        self.stream = folder.parent / f"{folder.name}.jsonl"
        self._compiled = compiled
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, source: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(source), encoding="utf-8")

    def run(self, *args: str, targets: Sequence[str] = (), env: Mapping[str, str] | None = None) -> Told:
        """Run pytest with the plugin; everything else about the run is in its lines."""
        environment = {
            **self._environment(),
            "NETRA_LOOP_EVIDENCE_STREAM": str(self.stream),
            "NETRA_LOOP_EVIDENCE_TARGETS": json.dumps(list(targets)),
            "NETRA_LOOP_EVIDENCE_NONCE": "a-nonce",
            **(env or {}),
        }
        return self._run(["-o", "enable_assertion_pass_hook=true", *args], environment)

    def run_without_stream(self) -> Told:
        """Run pytest with the plugin loaded, and nothing that tells it where to write."""
        return self._run([], self._environment())

    def _run(self, args: Sequence[str], environment: Mapping[str, str]) -> Told:
        command = [sys.executable, "-m", "pytest", "-p", "netra_loop_evidence", "-p", "no:cacheprovider", *args]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=60,
            check=False,
        )
        return Told(done.returncode, done.stdout, self._lines())

    def _lines(self) -> list[Line]:
        if not self.stream.exists():
            return []
        return [_parsed(line) for line in self.stream.read_bytes().splitlines()]

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
        return {
            **inherited,
            "PYTHONPATH": str(PLUGIN_FOLDER),
            "PYTHONPYCACHEPREFIX": str(self._compiled),
            "PYTEST_DEBUG_TEMPROOT": str(self.folder.parent),  # nothing of an earlier run is there to clear away
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # a suite names the plugins it needs: the others cost seconds
        }


def _parsed(line: bytes) -> Line:
    try:
        parsed: Line = json.loads(line)
    except ValueError:
        return {"kind": "torn"}
    return parsed
