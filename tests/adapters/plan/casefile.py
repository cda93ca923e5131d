"""Case files: a project's files and what is expected of it, in one text. Files it leaves out come from base.txt."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

CASES = Path(__file__).parents[2] / "cases" / "plans"
_SECTION = re.compile(r"^=== (.+)\n", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    files: dict[str, str]
    expected: str

    def write(self, folder: Path) -> Path:
        """The project of this case, in a folder."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf-8")
        return folder


def read_case(path: Path) -> Case:
    """The case in a file; its last section is named `expected`."""
    files = _sections(CASES / "base.txt") | _sections(path)
    return Case({name: text for name, text in files.items() if name != "expected"}, files.get("expected", ""))


def _sections(path: Path) -> dict[str, str]:
    _, *parts = _SECTION.split(path.read_text("utf-8"))
    return dict(zip(parts[::2], parts[1::2], strict=True))
