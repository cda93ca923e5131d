"""The stream of a session, and who reads it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from netra_loop.wiring.place import Place, Progress
from netra_loop.wiring.reports import issues_text, result_text_of, worklog_text

if TYPE_CHECKING:
    from netra_loop.adapters.files import SessionFolder
    from netra_loop.adapters.redact import Redactor
    from netra_loop.ports import Clock, Reader
    from netra_loop.stream import Stream


@contextmanager
def open_stream(
    place: Place, folder: SessionFolder, clock: Clock, redactor: Redactor, progress: Progress
) -> Iterator[Stream]:
    from netra_loop.adapters.journal import SqliteJournal
    from netra_loop.stream import Stream

    journal = SqliteJournal(folder.journal)
    try:
        stream = Stream(journal, clock, redactor.text, _readers(place, folder, progress))
        try:
            yield stream
        finally:
            stream.close_readers()
    finally:
        journal.close()


def _readers(place: Place, folder: SessionFolder, progress: Progress) -> Sequence[Reader]:
    from netra_loop.adapters.readers import WholeFile

    files = [
        WholeFile("worklog", place.worklog(folder.id), worklog_text),
        WholeFile("result", folder.result, result_text_of),
        WholeFile("issues", folder.issues, issues_text),
    ]
    return [*files, *_shown(progress)]


def _shown(progress: Progress) -> Iterator[Reader]:
    from netra_loop.adapters.readers import Lines, Screen
    from netra_loop.views.plain import json_line, plain_line, verbose_line

    if progress is Progress.AUTO:
        progress = Progress.LIVE if sys.stdout.isatty() and not os.environ.get("CI") else Progress.PLAIN
    match progress:
        case Progress.LIVE:
            from rich.console import Console

            from netra_loop.views.live import draw

            yield Screen(Console(), draw)
        case Progress.PLAIN:
            yield Lines(plain_line)
        case Progress.VERBOSE:
            yield Lines(verbose_line)
        case Progress.JSONL:
            yield Lines(json_line)
        case _:
            return
