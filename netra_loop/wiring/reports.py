"""Any view of any session, from its journal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from netra_loop.core.errors import UsageError
from netra_loop.core.session import Session
from netra_loop.wiring.place import Place


def read_session(place: Place, word: str) -> Session:
    """A session as its journal tells it, whoever is writing it now."""
    from netra_loop.adapters.journal import JournalFile
    from netra_loop.core.session import replay

    folder = place.state.find_session(word)
    session = replay(JournalFile(folder.journal).entries())
    if session is None:
        raise UsageError(f"{folder.id} was never opened", "it died before its first entry; run again")
    return session


def rebuild_worklog(place: Place, word: str) -> Path:
    """Write a session's worklog and result anew from its journal; what stood there and differed is kept as .edited."""
    from netra_loop.adapters.files import write_whole

    session = read_session(place, word)
    path = place.worklog(session.id)
    text = worklog_text(session).encode("utf-8", "replace")
    if path.exists() and path.read_bytes() != text:
        path.replace(path.with_suffix(".md.edited"))
    write_whole(path, text)
    write_whole(place.state.session(session.id).result, result_text_of(session).encode())
    return path


def worklog_text(session: Session) -> str:
    from netra_loop.views.result import result_of
    from netra_loop.views.worklog import worklog

    return worklog(result_of(session))


def result_text_of(session: Session) -> str:
    from netra_loop.views.result import result_text

    return result_text(session)


REPORTS: dict[str, Callable[[Session], str]] = {"md": worklog_text, "json": result_text_of}
