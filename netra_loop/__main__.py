"""`python -m netra_loop`: the way in."""

from __future__ import annotations

import gc
import sys

import netra_loop

UNUSED = ("aiohttp", "httpx._main")
"""What Google's libraries and httpx load wherever it is there, for asyncio clients and a command line of their own."""
GARBAGE = 50_000  # new objects before anybody looks for garbage; by default 700: a look at every few modules we load


def main() -> None:
    """Run the command line and end the process with its exit code."""
    if sys.argv[1:] == ["--version"]:  # before anything is imported: scripts ask this in loops
        sys.stdout.write(f"ultimate-test-deploy-loop {netra_loop.__version__}\n")
        sys.exit(0)
    load_swiftly()
    from netra_loop.cli import enter

    code = enter()
    gc.freeze()  # the interpreter would look through all there is for garbage once more
    sys.exit(code)


def load_swiftly() -> None:
    """Loading modules is most of what a short command does."""
    gc.set_threshold(GARBAGE)
    for name in UNUSED:
        sys.modules[name] = None  # type: ignore[assignment]


if __name__ == "__main__":
    main()
