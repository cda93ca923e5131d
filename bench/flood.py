"""A command that writes a gigabyte: what it adds to our memory and time, against one that writes a megabyte."""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import anyio

from netra_loop.adapters.output import OUTPUT_CAP, Output
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.supervise import Supervision

LINES = "yes 2025-09-14 INFO request /health status=200 latency=12 ms | head -c {size}"
NO_LINES = "head -c {size} /dev/zero | tr '\\0' x"


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def measured(script: str, size: int) -> None:
    """In a process of its own, whose peak is then its own: run the command, tell memory and time."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        output = Output(folder / "output.txt", Redactor(["a-known-secret-of-ours"]))
        supervision = Supervision(
            ["sh", "-c", script.format(size=size)],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin"},
            timeout=3600,
            output=output,
            kids=folder / "kids.lock",
        )
        anyio.run(supervision.run, lambda pid: None)
        kept = output.path.stat().st_size
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    seconds = time.monotonic() - began
    tell(f"{size / 1e6:8.0f} MB: {grown:6.1f} MB more memory, {kept / 1e6:6.2f} MB kept, {seconds:6.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bytes", type=int, default=1_000_000_000)
    parser.add_argument("--one", nargs=2, metavar=("SCRIPT", "BYTES"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        measured(arguments.one[0], int(arguments.one[1]))
        return
    tell(f"the head of an output is kept up to {OUTPUT_CAP / 1e6:.2f} MB")
    for title, script in (("lines", LINES), ("no line break at all", NO_LINES)):
        tell(title)
        for size in (1_000_000, arguments.bytes):
            subprocess.run([sys.executable, "-m", "bench.flood", "--one", script, str(size)], check=True)


if __name__ == "__main__":
    main()
