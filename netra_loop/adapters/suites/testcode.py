"""The files that decide how a suite's tests behave, and whether they are still the same."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from netra_loop.adapters.files import sha256_of
from netra_loop.core.plan import Suite

_PYTHON = {".py", ".pyi", ".toml", ".ini", ".cfg"}
_OTHERS = {".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".go", ".rb", ".java", ".kt", ".cs", ".rs", ".sh", ".feature"}
_CODE = frozenset(_PYTHON | _OTHERS)
_ABOVE = ("conftest.py", "pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
_OUTPUT = frozenset({".pyc", ".log"})
_REPORTS = {"htmlcov", "lcov-report", "playwright-report"}  # their pages bring scripts along
_NO_TESTS = frozenset({"__pycache__", "node_modules", "worklogs"} | _REPORTS)
LARGE = 4 * 1024 * 1024  # bytes; of a larger file size and time of change stand for its content


def suite_files(suite: Suite, project: Path) -> dict[str, str]:
    """What each file was, by its path from the suite's folder: code anywhere, and everything beside the tests.

    What pytest reads above that folder, up to the project's, is among them.

    Hidden names, virtual environments, and what the suite's own command line names as an output are none of them.
    """
    root = project / suite.cwd
    beside = [_folder_of(root / path.partition("::")[0]) for path in suite.paths]
    outputs = {root / word.rpartition("=")[2] for word in (*suite.args, suite.report)}
    above = {os.path.relpath(path, root): _content(path) for path in _above(root, project)}
    return above | {
        path.relative_to(root).as_posix(): _content(path)
        for path in _files(root)
        if path not in outputs and (path.suffix in _CODE or any(path.is_relative_to(folder) for folder in beside))
    }


def digest_of(files: Mapping[str, str]) -> str:
    """One digest, in hex, of what `suite_files` told."""
    return hashlib.sha256("".join(f"{name}\0{files[name]}\n" for name in sorted(files)).encode()).hexdigest()


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """The files that are not as they were; a new one counts only if it is code, the rest is what tests leave behind."""
    gone_or_other = {name for name in before if after.get(name) != before[name]}
    new = {name for name in after if name not in before and Path(name).suffix in _CODE}
    return tuple(sorted(gone_or_other | new))


def _above(root: Path, project: Path) -> Iterator[Path]:
    folders = (folder for folder in root.parents if folder.is_relative_to(project))
    yield from (folder / name for folder in folders for name in _ABOVE if (folder / name).is_file())


def _folder_of(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if _may_hold_tests(Path(folder, name))]
        for name in names:
            path = Path(folder, name)
            if not name.startswith(".") and path.suffix not in _OUTPUT and path.is_file():
                yield path


def _may_hold_tests(folder: Path) -> bool:
    hidden = folder.name.startswith(".") or folder.name in _NO_TESTS
    return not hidden and not (folder / "pyvenv.cfg").exists()


def _content(path: Path) -> str:
    """What stands for the file's content; empty for one that cannot be read or has just gone."""
    try:
        status = path.stat()
        return sha256_of(path) if status.st_size <= LARGE else f"{status.st_size} {status.st_mtime_ns}"
    except OSError:
        return ""
