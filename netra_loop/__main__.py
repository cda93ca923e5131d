"""`python -m netra_loop`: the way in."""

from __future__ import annotations

import sys

import netra_loop


def main() -> None:
    """Run the command line and end the process with its exit code."""
    if sys.argv[1:] == ["--version"]:  # before anything is imported: scripts ask this in loops
        sys.stdout.write(f"ultimate-test-deploy-loop {netra_loop.__version__}\n")
        sys.exit(0)
    from netra_loop.cli import enter

    sys.exit(enter())


if __name__ == "__main__":
    main()
