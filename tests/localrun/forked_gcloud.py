"""gcloud, unmodified, in processes of its own that are forked from one that has loaded it: most of its time."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

PATIENCE = 120  # seconds for one command
# For gcloud's own interpreter. Each line it reads is an array: the files for a command's output and its complaints, and
# the command's words. Each line it answers is an exit code.
PROGRAM = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
import gcloud # it puts what it brings along into the path, and loads nothing yet
import googlecloudsdk.gcloud_main

for line in sys.stdin:
    child = os.fork()
    if not child:
        out, err, *words = json.loads(line)
        for stream, path in enumerate((os.devnull, out, err)):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), stream)
        sys.argv = ["gcloud", *words]
        gcloud.main()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


@cache
def installation() -> tuple[str, Path]:
    """gcloud's own interpreter, and the folder of its modules."""
    where = "value[separator=' '](basic.python_location, installation.sdk_root)"
    told = subprocess.run(["gcloud", "info", f"--format={where}"], capture_output=True, text=True, check=True)
    python, root = told.stdout.split()
    return python, Path(root, "lib")


class ForkedGcloud:
    """Commands of gcloud, one after the other, in one environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        python, modules = installation()
        self._loaded = subprocess.Popen(
            [python, "-S", "-c", PROGRAM, modules],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def __call__(self, *words: str) -> Said:
        assert self._loaded.stdin and self._loaded.stdout
        with TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            self._loaded.stdin.write(json.dumps([str(out), str(err), *words]).encode() + b"\n")
            self._loaded.stdin.flush()
            answers, _, _ = select.select([self._loaded.stdout], [], [], PATIENCE)
            assert answers, f"gcloud {words} has not ended"
            return Said(int(self._loaded.stdout.readline()), out.read_text("utf-8"), err.read_text("utf-8"))

    def close(self) -> None:
        """End it, with what has not ended by itself."""
        os.killpg(self._loaded.pid, signal.SIGKILL)
        self._loaded.communicate()
