"""Checks the folders that something is started from: they are in the project, and say what to start."""

from __future__ import annotations

import re
from pathlib import Path

from netra_loop.adapters.planfile.paths import folder_below
from netra_loop.adapters.planfile.values import Wrong
from netra_loop.adapters.planfile.yamldocument import Document, Location, quoted

_WEB = re.compile(r"^web:[ \t]*\S", re.MULTILINE)


def check_source(document: Document, place: Location, project: Path) -> None:
    """Report a source that is no folder of the project or, in an embedded environment, does not say what to start."""
    source = document.text(place)
    if not source:
        return
    try:
        folder = folder_below(project, source)
    except Wrong as wrong:
        document.report(place, str(wrong), wrong.hint)
        return
    if document.text(("endpoint",)) == "embedded" and not _has_web_process(folder):
        message = f"{quoted(source)} has no Procfile with a 'web:' line"
        document.report(place, message, "it says what the embedded environment starts")


def _has_web_process(folder: Path) -> bool:
    procfile = folder / "Procfile"
    try:
        return procfile.is_file() and bool(_WEB.search(procfile.read_text("utf-8", "replace")))
    except OSError:
        return False
