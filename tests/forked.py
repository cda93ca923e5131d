"""The real command line in processes of its own, forked from one that has loaded our modules: most of their time."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory

from netra_loop.__main__ import main

_LOADED = multiprocessing.get_context("forkserver")
_LOADED.set_forkserver_preload(["tests.loaded"])
NOWHERE = Path(os.devnull)
PATIENCE = 300  # seconds; nothing takes that long; the machine may be busy


@dataclass(frozen=True, slots=True)
class Done:
    """How one command ended."""

    code: int
    out: str
    err: str


def done(arguments: Sequence[str], environment: Mapping[str, str]) -> Done:
    """Run a command to its end."""
    with TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        code = code_of(started(arguments, environment, out, err))
        return Done(code, out.read_text("utf-8"), err.read_text("utf-8"))


def started(
    arguments: Sequence[str], environment: Mapping[str, str], out: Path = NOWHERE, err: Path = NOWHERE
) -> BaseProcess:
    """Begin a command in exactly this environment, without a terminal or anything to read."""
    process = _LOADED.Process(target=_become, args=(arguments, dict(environment), out, err))
    process.start()
    return process


def code_of(process: BaseProcess) -> int:
    """Wait for its end; the exit code."""
    process.join(PATIENCE)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"{process} has not ended")
    return process.exitcode


def _become(arguments: Sequence[str], environment: Mapping[str, str], out: Path, err: Path) -> None:
    for stream, path in enumerate((NOWHERE, out, err)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), stream)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["ultimate-test-deploy-loop", *arguments]
    main()
