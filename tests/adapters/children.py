"""Real processes for tests: started without the marks of the test runner, waited for by what they do."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parents[2]
LIMIT = 20.0  # seconds; nothing here takes long, a machine may be slow

T = TypeVar("T")


def bare_environment(**more: str) -> dict[str, str]:
    """Ours without what belongs to the test runner, and with the project importable from anywhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def wait_until(look: Callable[[], T], limit: float = LIMIT) -> T:
    """The first true answer; fails when none came in time."""
    deadline = time.monotonic() + limit
    while not (found := look()):
        assert time.monotonic() < deadline, f"not in {limit:g} s: {look}"
        time.sleep(0.01)
    return found


@contextmanager
def python(source: str, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A child that runs the source; killed at the end whatever it does."""
    process = subprocess.Popen(
        [sys.executable, "-c", source, *arguments],
        env=bare_environment(**environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def told_by_python(source: str, *arguments: str) -> str:
    """What a child that runs the source prints; it must end well."""
    done = subprocess.run(
        [sys.executable, "-c", source, *arguments], env=bare_environment(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def processes_with(variable: str, value: str) -> list[int]:
    """The live processes that carry this variable in their environment."""
    marker = f"{variable}={value}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if marker in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def kill_all_with(variable: str, value: str) -> None:
    """What a failing test must not leave behind."""
    for pid in processes_with(variable, value):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def readable(stdout: object) -> str:
    """The next line that a child says, without its end."""
    assert stdout is not None
    return str(stdout.readline()).rstrip("\n")  # type: ignore[attr-defined]
