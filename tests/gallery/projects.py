"""The projects of the gallery and their labels, read from their data files."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from netra_loop.core.outcome import Outcome

FOLDER = Path(__file__).parents[1] / "cases" / "gallery"


@dataclass(frozen=True, slots=True)
class Label:
    """What a test truly is: `honest`, the proof that its pass deserves, or how it ends if not by passing; and why."""

    kind: str
    why: str

    @property
    def honest(self) -> bool:
        return self.kind == "honest"


@dataclass(frozen=True, slots=True)
class Project:
    """One project. plain: the exit code of plain pytest. suite: how a suite of it ends, where that is not `passed`.

    needs: commands. alone: it needs a process of its own; such a one meets the negative control only where it says so.
    """

    name: str
    shows: str
    does: str
    plain: int
    labels: Mapping[str, Label]
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    alone: bool = False
    control: bool = True
    declared: int | None = None
    suite: Outcome | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """The commands that it needs and that are not here."""
        return tuple(command for command in self.needs if shutil.which(command) is None)


@cache
def projects() -> tuple[Project, ...]:
    """All projects of the gallery, by name."""
    return tuple(_read(file) for file in sorted(FOLDER.glob("*/case.yaml")))


def _read(file: Path) -> Project:
    told: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    name = file.parent.name
    alone = not {"args", "env", "alone", "declared"}.isdisjoint(told)
    return Project(
        name=name,
        shows=told["shows"],
        does=told["does"],
        plain=told["plain"],
        labels={
            f"{name}/{module}::{test}": Label(*text.split(" - ", 1))
            for module, tests in told["tests"].items()
            for test, text in tests.items()
        },
        args=tuple(told.get("args", ())),
        env=told.get("env", {}),
        needs=tuple(told.get("needs", ())),
        alone=alone,
        control=told.get("control", not alone),
        declared=told.get("declared"),
        suite=Outcome(told["suite"]) if "suite" in told else None,
    )
