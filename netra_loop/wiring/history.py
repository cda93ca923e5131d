"""The history of a project: caught up with the journals when a session opens, and told of it when it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netra_loop.core.errors import StorageError
from netra_loop.core.past import Past
from netra_loop.core.plan import Plan
from netra_loop.core.session import Session
from netra_loop.wiring.place import Place

if TYPE_CHECKING:
    from netra_loop.adapters.history import History
    from netra_loop.core.history import Chapter


def remembered(place: Place, plan: Plan) -> Past:
    """What earlier sessions tell a new one. Without an index it is empty and says why: no session fails for that."""
    from netra_loop.adapters.history import with_history

    def work(history: History) -> Past:
        skipped = _catch_up(place, history)
        return replace(history.past(plan.environment.name, plan.focus), skipped=skipped)

    try:
        return with_history(place.state.history, work)
    except StorageError as error:
        return Past(trouble=str(error))


def remember(place: Place, session: Session) -> None:
    """Index a session as it stands now; what fails here is made good when the next one opens."""
    from netra_loop.adapters.history import with_history
    from netra_loop.adapters.journal import tip

    found = tip(place.state.session(session.id).journal)
    try:
        with_history(place.state.history, lambda history: history.record(_chapter(session), found))
    except StorageError:
        return


def _catch_up(place: Place, history: History) -> int:
    """Index every journal that has grown since it was indexed, whoever wrote it; how many could not be read."""
    from netra_loop.adapters.journal import tip

    tips = history.tips()
    sessions = place.state.session_ids()
    history.forget(tips.keys() - set(sessions))
    skipped = 0
    for session_id in sessions:
        found = tip(place.state.session(session_id).journal)
        if found and tips.get(session_id) == found:
            continue
        chapter = _read(place, session_id)
        if chapter is None:
            skipped += 1
        else:
            history.record(chapter, found)
    return skipped


def _read(place: Place, session_id: str) -> Chapter | None:
    """What a session's journal says; None for one that cannot be read, in whatever way it is broken."""
    from netra_loop.adapters.journal import JournalFile
    from netra_loop.core.session import replay

    try:
        session = replay(JournalFile(place.state.session(session_id).journal).entries())
        return _chapter(session) if session else None
    except Exception:
        return None


def _chapter(session: Session) -> Chapter:
    from netra_loop.core.history import chapter_of
    from netra_loop.views.result import result_of

    return chapter_of(session, result_of(session)["next_actions"])
