"""What is looked at before a target is deployed; where something is wrong its service is not touched."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

import anyio
from anyio import to_thread

from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.output import Output
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.supervise import FOLDER_VARIABLE, Supervision
from netra_loop.core.plan import Kind, Plan, Precheck, Suite
from netra_loop.core.selection import Collection as Collected
from netra_loop.core.session import Session
from netra_loop.core.target import Target

IMPORT_TIMEOUT = 60.0  # seconds
_NO_SOURCE = frozenset({".git", ".venv", "__pycache__", "node_modules", ".netra-loop", "worklogs"})

Collect = Callable[[Sequence[Suite]], Awaitable[Sequence[Collected]]]


@dataclass(slots=True)
class Checked:
    """What was looked at, each with its number, and what is wrong."""

    told: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)


class Prechecks:
    """The checks of one session; tests are collected once, however many targets they are for."""

    def __init__(self, project: Path, folder: SessionFolder, redactor: Redactor, collect: Collect) -> None:
        self._project = project
        self._folder = folder
        self._redactor = redactor
        self._collect = collect
        self._collecting = anyio.Lock()
        self._collected: dict[str, Collected] = {}

    async def look(
        self, session: Session, target: Target, checks: Sequence[Precheck], env: Mapping[str, str], artifacts: Path
    ) -> Checked:
        """Make these checks of a target. env: what it will be told; artifacts: where output is kept."""
        checked = Checked()
        for check in checks:
            match check:
                case Precheck.COMPILE:
                    await to_thread.run_sync(self._compile, target, checked)
                case Precheck.IMPORT:
                    await self._import(target, env, artifacts, checked)
                case Precheck.COLLECT:
                    await self._tests(session.plan, target, checked)
                case Precheck.CLEAN:
                    _clean(session, checked)
                case _:
                    assert_never(check)
        return checked

    def _compile(self, target: Target, checked: Checked) -> None:
        if not target.source:
            return
        root = self._project / target.source
        count = 0
        for path in _python_files(root):
            count += 1
            if problem := _syntax_problem(path):
                checked.findings.append(f"compile: {path.relative_to(root).as_posix()}:{problem}")
        checked.told.append(f"compile: {count} Python files")

    async def _import(self, target: Target, env: Mapping[str, str], artifacts: Path, checked: Checked) -> None:
        if not target.imports:
            return
        output = Output(artifacts / "import.txt", self._redactor)
        supervision = Supervision(
            [sys.executable, "-B", "-c", "\n".join(f"import {module}" for module in target.imports)],
            cwd=self._project / target.source,
            env={"PATH": os.environ.get("PATH", os.defpath), FOLDER_VARIABLE: str(self._folder.path), **env},
            timeout=IMPORT_TIMEOUT,
            output=output,
            kids=self._folder.kids,
        )
        await supervision.run(lambda pid: None)
        checked.told.append(f"import: {len(target.imports)} modules")
        if supervision.ended.exit_code != 0:
            last = [line for line in output.last_lines if line.strip()][-1:]
            why = last[0] if last else f"ended by {supervision.ended.ended_by}, exit {supervision.ended.exit_code}"
            checked.findings.append(f"import: {why}")

    async def _tests(self, plan: Plan, target: Target, checked: Checked) -> None:
        suites = [suite for suite in _in_focus(plan) if not suite.targets or target.name in suite.targets]
        async with self._collecting:
            missing = [suite for suite in suites if suite.id not in self._collected]
            self._collected |= {found.suite.id: found for found in await self._collect(missing)}
        found = [self._collected[suite.id] for suite in suites]
        tests = sum(len(each.tests or ()) for each in found)
        checked.told.append(f"collect: {tests} tests of {len(found)} suites")
        for each in found:
            checked.findings += [f"collect: suite {each.suite.id}: {reason}" for reason in each.reasons]


def missing_variables(target: Target, given: Collection[str]) -> list[str]:
    """The variables that a target requires and that nobody sets."""
    return [f"{target.name} requires {name}, which nobody sets" for name in target.requires if name not in given]


def _clean(session: Session, checked: Checked) -> None:
    if session.git is None:
        checked.findings.append("clean: the project has no commit")
    elif session.git.dirty:
        checked.findings.append(f"clean: the project holds changes that commit {session.git.sha[:12]} does not")
    else:
        checked.told.append(f"clean: commit {session.git.sha[:12]}")


def _in_focus(plan: Plan) -> list[Suite]:
    return [plan.suite(step.subject) for step in plan.steps if step.kind is Kind.SUITE and step.id in plan.selected]


def _python_files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _NO_SOURCE)
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(".py"))


def _syntax_problem(path: Path) -> str:
    """The line and what is wrong with it, empty where the file compiles; nothing is written or run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(path.read_bytes(), path.name, "exec", dont_inherit=True)
    except SyntaxError as error:
        return f"{error.lineno or 1}: {error.msg}"
    except (ValueError, OSError, RecursionError, MemoryError) as error:
        return f"1: {error}"
    return ""
