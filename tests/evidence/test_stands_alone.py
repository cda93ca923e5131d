"""The plugin runs in suites' own environments: old interpreters, and nothing installed for it."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from .suites import PLUGIN_FOLDER

OLDEST = (3, 9)
FILES = sorted(PLUGIN_FOLDER.glob("netra_loop_*/*.py"))
KNOWN = {*sys.stdlib_module_names, "pytest", "_pytest", *(file.parent.name for file in FILES)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_it_is_written_in_the_oldest_python_and_needs_nothing_but_pytest(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"), feature_version=OLDEST)

    imports = [each for each in ast.walk(tree) if isinstance(each, (ast.Import, ast.ImportFrom))]
    modules = {each.module or "" for each in imports if isinstance(each, ast.ImportFrom) and not each.level}
    modules |= {name.name for each in imports if isinstance(each, ast.Import) for name in each.names}
    assert {module.partition(".")[0] for module in modules} <= KNOWN
