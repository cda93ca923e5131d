"""Any view of any session, from its journal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from netra_loop.core.errors import LoopError, UsageError
from netra_loop.core.session import Session
from netra_loop.wiring.place import Place

if TYPE_CHECKING:
    from netra_loop.core.events import Before


def read_session(place: Place, word: str) -> Session:
    """A session as its journal tells it, whoever is writing it now."""
    from netra_loop.adapters.journal import JournalFile
    from netra_loop.core.session import replay

    folder = place.state.find_session(word)
    session = replay(JournalFile(folder.journal).entries())
    if session is None:
        raise UsageError(f"{folder.id} was never opened", "it died before its first entry; run again")
    return session


def before_of(place: Place, previous: str) -> Before | None:
    """How the session before ended, for comparison; None without one, and for one that cannot be read any more."""
    from netra_loop.core.events import Before
    from netra_loop.core.holding import repairs_of
    from netra_loop.core.results import red_tests
    from netra_loop.views.compliance import newest_check
    from netra_loop.views.result import result_of

    try:
        session = read_session(place, previous) if previous else None
    except LoopError:
        return None
    if session is None:
        return None
    told = result_of(session)["headline"]
    red = red_tests(session, session.iterations[-1]) if session.iterations else ()
    return Before(
        session.id,
        session.plan.focus,
        session.plan.environment.name,
        session.verdict.colour.value if session.verdict else "",
        session.verdict.exit_code if session.verdict else None,
        told["collected"],
        told["counted"],
        tuple(f"{name.suite}::{name.test}" for name in red),
        newest_check(session)[1],
        repairs_of(session),
    )


def write_views(place: Place, session: Session) -> None:
    """Write a session's worklog and result.json. Raises StorageError."""
    from netra_loop.adapters.files import write_whole

    write_whole(place.worklog(session.id), worklog_text(session).encode("utf-8", "replace"))
    write_whole(place.state.session(session.id).result, result_text_of(session).encode())


def rebuild_worklog(place: Place, word: str) -> Path:
    """Write a session's worklog and result anew from its journal; a worklog that is not as we wrote it is kept."""
    from netra_loop.views.worklog import is_whole

    session = read_session(place, word)
    path = place.worklog(session.id)
    if path.exists() and not is_whole(path.read_text(encoding="utf-8", errors="replace")):
        number = 1
        while (kept := path.with_suffix(f".edited-{number}.md")).exists():
            number += 1
        path.replace(kept)
    write_views(place, session)
    return path


def worklog_text(session: Session) -> str:
    from netra_loop.views.result import result_of
    from netra_loop.views.worklog import worklog

    return worklog(result_of(session))


def result_text_of(session: Session) -> str:
    from netra_loop.views.result import result_text

    return result_text(session)


def issues_text(session: Session) -> str:
    from netra_loop.views.issues import issues
    from netra_loop.views.result import result_of

    return issues(result_of(session))


REPORTS: dict[str, Callable[[Session], str]] = {"md": worklog_text, "json": result_text_of, "issues": issues_text}
