"""A project to change one file of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from netra_loop.adapters.planfile import load_plan
from netra_loop.core.errors import PlanError
from netra_loop.core.plan import Plan

from .casefile import CASES, read_case


@dataclass(frozen=True)
class Project:
    folder: Path

    @property
    def plan_file(self) -> Path:
        return self.folder / "phases" / "default.yaml"

    @property
    def environment_file(self) -> Path:
        return self.folder / "config" / "local.yaml"

    @property
    def suites_file(self) -> Path:
        return self.folder / "config" / "suites.yaml"

    @property
    def knowledge_file(self) -> Path:
        return self.folder / "config" / "knowledge.yaml"

    def load(self, plan_file: Path | None = None, environment: str | None = None) -> Plan:
        return load_plan(self.folder, plan_file, environment)

    def complaint(self, plan_file: Path | None = None, environment: str | None = None) -> str:
        """What is told of a plan that must not load."""
        with pytest.raises(PlanError) as raised:
            self.load(plan_file, environment)
        return str(raised.value)


@pytest.fixture
def base(tmp_path: Path) -> Project:
    """A sound project: a plan that deploys two services, and two suites."""
    return Project(read_case(CASES / "base.txt").write(tmp_path / "project"))
