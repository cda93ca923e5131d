"""What negative controls said, kept under a digest of everything that decides how the tests behave without a target."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import netra_loop
from netra_loop.adapters.files import sha256_of, write_whole
from netra_loop.adapters.suites.pytest_suite import command_line, python_of
from netra_loop.adapters.suites.testcode import digest_of, suite_files
from netra_loop.core.environment import Environment
from netra_loop.core.outcome import TestOutcome
from netra_loop.core.plan import Suite
from netra_loop.core.seen import ControlSeen

_LOCKS = ("*.lock", "*requirements*.txt", "*constraints*.txt", "pyproject.toml", "package-lock.json", "go.sum")
Tests = Mapping[str, TestOutcome]


def digest(suite: Suite, environment: Environment, project: Path) -> str:
    """In hex: the test code, the command, what it is given, its interpreter, what it depends on, and ourselves."""
    decides = {
        "version": netra_loop.__version__,
        "files": digest_of(suite_files(suite, project)),
        "command": [*suite.argv, *command_line(suite, project)],
        "targets": sorted(suite.targets),
        "environment": {name: os.environ.get(name) if value is None else value for name, value in suite.env.items()},
        "timeouts": dict(environment.timeouts),
        "interpreter": _identity(Path(python_of(suite, project))),
        "locks": {path.name: sha256_of(path) for path in _lock_files(suite, project)},
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:32]


def _identity(interpreter: Path) -> str:
    """What stands for its version without starting it."""
    try:
        status = interpreter.stat()
    except OSError:
        return str(interpreter)
    return f"{interpreter} {interpreter.resolve()} {status.st_size} {status.st_mtime_ns}"


def _lock_files(suite: Suite, project: Path) -> Iterator[Path]:
    folders = dict.fromkeys((project.resolve(), (project / suite.cwd).resolve()))
    for folder in folders:
        yield from sorted(path for pattern in _LOCKS for path in folder.glob(pattern) if path.is_file())


class ControlCache:
    """One small file for each suite and digest; one that cannot be read is as good as none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, suite: str, digest: str) -> ControlSeen | None:
        """What was kept, None where nothing was."""
        try:
            kept = json.loads(self._path(suite, digest).read_bytes())
            dead, sabotaged = (_tests(kept[name]) for name in ("dead", "sabotaged"))
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return None
        return ControlSeen(suite, digest, True, dead, sabotaged)

    def keep(self, seen: ControlSeen) -> None:
        """Keep it for the next time. Raises StorageError."""
        kept = {name: _plain(tests) for name, tests in (("dead", seen.dead), ("sabotaged", seen.sabotaged))}
        write_whole(self._path(seen.suite, seen.digest), json.dumps(kept).encode(), 0o600)

    def forget(self, suite: str) -> None:
        """Make the next control of a suite a real one, whatever digest it has."""
        for path in self._folder.glob(f"{suite}-{'?' * 32}.json"):
            path.unlink(missing_ok=True)

    def _path(self, suite: str, digest: str) -> Path:
        return self._folder / f"{suite}-{digest}.json"


def _tests(plain: Mapping[str, str]) -> Tests:
    return {name: TestOutcome(outcome) for name, outcome in plain.items()}


def _plain(tests: Tests) -> dict[str, str]:
    return {name: outcome.value for name, outcome in tests.items()}
