"""Standard output for people and pipes."""

from __future__ import annotations

import os
import sys


def say(text: str) -> None:
    """Print a text and a line break. A closed pipe changes nothing about the exit code."""
    try:
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
