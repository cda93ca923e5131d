"""Where views go: a file replaced whole, lines on a stream, a screen redrawn."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netra_loop.adapters.files import write_whole
from netra_loop.core.events import Entry
from netra_loop.core.session import Session

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


class WholeFile:
    """A file that always holds the whole view; at most once a second."""

    interval = 1.0

    def __init__(self, name: str, path: Path, render: Callable[[Session], str]) -> None:
        self.name = name
        self._path = path
        self._render = render

    def read(self, session: Session, news: Sequence[Entry]) -> None:
        write_whole(self._path, self._render(session).encode("utf-8", "replace"))

    def close(self) -> None:
        """The file is whole at every moment."""


class Lines:
    """Lines on standard output as things happen."""

    name = "lines"
    interval = 0.1

    def __init__(self, line: Callable[[Entry, Session], str]) -> None:
        self._line = line

    def read(self, session: Session, news: Sequence[Entry]) -> None:
        lines = [line for entry in news if (line := self._line(entry, session))]
        if lines:
            sys.stdout.write("".join(f"{line}\n" for line in lines))
            sys.stdout.flush()

    def close(self) -> None:
        """Every line was flushed."""


class Screen:
    """A terminal, redrawn at most four times a second; the last picture stays."""

    name = "live"
    interval = 0.25

    def __init__(self, console: Console, draw: Callable[[Session], RenderableType]) -> None:
        from rich.live import Live

        self._draw = draw
        self._live = Live(console=console, auto_refresh=False, transient=False)

    def read(self, session: Session, news: Sequence[Entry]) -> None:
        if not self._live.is_started:
            self._live.start()
        self._live.update(self._draw(session), refresh=True)

    def close(self) -> None:
        """Give the terminal its cursor back."""
        self._live.stop()
