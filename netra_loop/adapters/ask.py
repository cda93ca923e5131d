"""Kind `ask`: show a remedy to whoever sits at standard input, and wait for the answer, not for ever."""

from __future__ import annotations

import contextlib
import os
import sys

import anyio

from netra_loop.core.events import Act, HandleKnown
from netra_loop.core.outcome import Outcome
from netra_loop.core.remediation import proposed
from netra_loop.core.seen import Result
from netra_loop.core.session import Session
from netra_loop.ports import Say

LONGEST_ANSWER = 100  # bytes; what follows on the line is read and dropped


class AskRunner:
    async def run(self, act: Act, session: Session, say: Say) -> Result:
        """PASSED for `y` or `yes`; SKIPPED for any other answer, for none in time, and where nobody can answer."""
        remedy = proposed(session.iterations[act.iteration - 1], act.subject)
        what = f"{remedy.id}, {remedy.change}, for {len(remedy.tests)} red tests"
        question = f"apply {what}? [y/N, within {act.timeout:g} s]"
        say(HandleKnown(act.id, {"question": question}))
        answer: str | None = None
        with anyio.move_on_after(act.timeout) as waiting:
            answer = await _line()
        if waiting.cancelled_caught:
            return Result(Outcome.SKIPPED, (f"nobody answered in {act.timeout:g} s",))
        if answer is None:
            return Result(Outcome.SKIPPED, ("nobody to ask: standard input is closed",))
        if answer.strip().lower() in ("y", "yes"):
            return Result(Outcome.PASSED)
        return Result(Outcome.SKIPPED, ("declined",))


async def _line() -> str | None:
    """One line of standard input, byte by byte so that the next question finds its own; None at its end."""
    if sys.stdin is None or sys.stdin.closed:
        return None
    descriptor = sys.stdin.fileno()
    line = bytearray()
    while True:
        with contextlib.suppress(PermissionError):  # a regular file cannot be waited for, and never blocks
            await anyio.wait_readable(descriptor)
        byte = os.read(descriptor, 1)
        if byte in (b"", b"\n"):
            return line.decode("utf-8", "replace") if byte or line else None
        line += byte if len(line) < LONGEST_ANSWER else b""
