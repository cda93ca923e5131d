"""Shows a remedy to whoever sits at standard input, and waits for the answer, not for ever: kind `ask`, and diffs."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import anyio

from netra_loop.adapters.command import Told
from netra_loop.core.events import Act, HandleKnown
from netra_loop.core.outcome import Outcome
from netra_loop.core.problem import Remedy
from netra_loop.core.remediation import proposed
from netra_loop.core.seen import Result
from netra_loop.core.session import Session
from netra_loop.ports import Say

NOBODY = "nobody to ask: standard input is closed"
LONGEST_ANSWER = 100  # bytes; what follows on the line is read and dropped


class AskRunner:
    async def run(self, act: Act, session: Session, say: Say) -> Result:
        """PASSED for `y` or `yes`; SKIPPED for any other answer, for none in time, and where nobody can answer."""
        remedy = proposed(session.iterations[act.iteration - 1], act.subject)
        told: Told = lambda handle: say(HandleKnown(act.id, handle))  # noqa: E731
        refusal = await refusal_to(remedy, "", act.timeout, told)
        return Result(Outcome.SKIPPED, (refusal,)) if refusal else Result(Outcome.PASSED)


async def refusal_to(remedy: Remedy, shown: str, timeout: float, told: Told) -> str:
    """Why a remedy is not to be applied, empty for a clear yes. shown: what is to be seen above the question."""
    what = f"{remedy.id}, {remedy.change}, for {len(remedy.tests)} red tests"
    question = {"question": f"apply {what}? [y/N, within {timeout:g} s]"}
    told({"shown": shown} | question if shown else question)
    answer: str | None = None
    with anyio.move_on_after(timeout) as waiting:
        answer = await _line()
    if waiting.cancelled_caught:
        return f"nobody answered in {timeout:g} s"
    if answer is None:
        return NOBODY
    return "" if answer.strip().lower() in ("y", "yes") else "declined"


def is_anybody_there() -> bool:
    """Whether somebody may answer: standard input is open and leads somewhere. Of a pipe it is not known."""
    if sys.stdin is None or sys.stdin.closed:
        return False
    return not os.path.samestat(os.fstat(sys.stdin.fileno()), Path(os.devnull).stat())


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
