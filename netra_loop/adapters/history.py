"""The history of a project's sessions: an index over their journals in one SQLite file, which can be lost at any time.

It is rebuilt from the journals, so it need not survive a power cut; a file that is broken, or of another format, is
put aside.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from netra_loop.core.errors import StorageError
from netra_loop.core.history import Chapter, concerned
from netra_loop.core.past import (
    GoodSession,
    Mark,
    OpenAction,
    Past,
    Refuted,
    Sighting,
    SuitePast,
    Word,
    sighting_of,
    suite_past,
)

FORMAT = 2
LOOK_BACK = 50  # sessions of an environment whose tests are compared
ENOUGH_RUNS = 5  # of a suite
MOST_SIGNATURES = 100  # those seen last
MOST_REFUTED = 100
MOST_ACTIONS = 50
MOST_TESTS = 1_000  # of a suite
PATIENCE = 10.0  # seconds for another process to end its transaction
_TABLES = {
    "session": "id TEXT PRIMARY KEY, environment TEXT, focus TEXT, started TEXT, ended TEXT, verdict TEXT, "
    "commit_id TEXT, tip TEXT",
    "good": "session TEXT, target TEXT, revision TEXT, PRIMARY KEY (session, target)",
    "test": "session TEXT, suite TEXT, test TEXT, mark TEXT, duration_s REAL, PRIMARY KEY (session, suite, test)",
    "problem": "session TEXT, signature TEXT, cause TEXT, title TEXT, is_root INTEGER, "
    "PRIMARY KEY (session, signature)",
    "affected": "session TEXT, signature TEXT, suite TEXT, test TEXT, PRIMARY KEY (session, signature, suite, test)",
    "refuted": "session TEXT, signature TEXT, cause TEXT, PRIMARY KEY (session, signature, cause)",
    "action": "session TEXT, position INTEGER, id TEXT, horizon TEXT, text TEXT, since TEXT, about TEXT, "
    "PRIMARY KEY (session, position)",
}
_RECENT = "(SELECT * FROM session WHERE environment = ? ORDER BY started DESC, id DESC LIMIT ?) s"
_GOOD = (
    "SELECT id, ended, target, revision FROM good JOIN session ON id = session WHERE id = (SELECT id FROM session "
    "WHERE environment = ? AND id IN (SELECT session FROM good) ORDER BY started DESC, id DESC LIMIT 1)"
)
_SEEN = (
    "SELECT signature, started, id, commit_id FROM problem JOIN session ON id = session WHERE environment = ? "
    "ORDER BY started, id"
)
_SPARED = (  # the sessions in which all tests of a sighting passed with proof
    f"SELECT s.started, s.id, s.commit_id FROM {_RECENT} CROSS JOIN affected a ON a.session = ? AND a.signature = ? "
    "CROSS JOIN test t ON t.session = s.id AND t.suite = a.suite AND t.test = a.test AND t.mark = '.' GROUP BY s.id "
    "HAVING count(*) = (SELECT count(*) FROM affected o WHERE o.session = a.session AND o.signature = a.signature)"
)
_REFUTED = (
    "SELECT signature, cause, id FROM refuted JOIN session ON id = session WHERE environment = ? "
    "ORDER BY started DESC, id DESC, signature, cause LIMIT ?"
)
_TESTS = (
    f"SELECT t.suite, s.id, t.test, t.mark FROM {_RECENT} CROSS JOIN test t ON t.session = s.id AND t.suite <> '' "
    "ORDER BY t.suite, s.started DESC, s.id DESC, t.test"
)
_ACTIONS = (
    "SELECT id, horizon, text, since, about FROM action WHERE session = (SELECT id FROM session WHERE environment = ? "
    "AND focus = ? ORDER BY started DESC, id DESC LIMIT 1) ORDER BY position LIMIT ?"
)

T = TypeVar("T")


class _BrokenError(Exception):
    """The file is no index, or holds what we never wrote."""


class History:
    """The index, open. Its methods raise sqlite3.Error."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            self._prepare()
            undo.pop_all()

    def _prepare(self) -> None:
        if self._format() == FORMAT:
            return
        with self._transaction():
            if self._format() not in (0, FORMAT):
                raise sqlite3.DatabaseError("it has another format")
            for name, columns in _TABLES.items():
                self._connection.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns}) STRICT, WITHOUT ROWID")
            self._connection.execute(f"PRAGMA user_version={FORMAT}")

    def _format(self) -> int:
        (found,) = self._connection.execute("PRAGMA user_version").fetchone()
        return int(found)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()

    def tips(self) -> dict[str, str]:
        """Every session that is indexed, with the tip of its journal at that time."""
        return dict(self._connection.execute("SELECT id, tip FROM session"))

    def forget(self, sessions: Collection[str]) -> None:
        """Drop sessions whose journals are gone."""
        if sessions:
            with self._transaction():
                for session in sessions:
                    self._drop(session)

    def record(self, chapter: Chapter, tip: str) -> None:
        """Keep what a session says, instead of what it said before; tip: up to where its journal was read."""
        it = chapter
        affected = [(p.signature, name.suite, name.test) for p in it.problems for name in concerned(p)]
        head = (it.environment, it.focus, it.started, it.ended, it.verdict, it.commit, tip)
        with self._transaction():
            self._drop(it.session_id)
            self._add("session", it.session_id, [head])
            self._add("good", it.session_id, [(each.target, each.revision) for each in it.good])
            tests = [(end.name.suite, end.name.test, end.mark.value, end.duration_s) for end in it.tests]
            self._add("test", it.session_id, tests)
            problems = [(p.signature, p.id, p.title, int(bool(p.root_cause))) for p in it.problems]
            self._add("problem", it.session_id, problems)
            self._add("affected", it.session_id, affected)
            self._add("refuted", it.session_id, [(each.signature, each.cause) for each in it.refuted])
            actions = [
                (number, a.id, a.horizon, a.text, a.since, json.dumps(a.about)) for number, a in enumerate(it.actions)
            ]
            self._add("action", it.session_id, actions)

    def _drop(self, session: str) -> None:
        for table in _TABLES:
            self._connection.execute(
                f"DELETE FROM {table} WHERE {'id' if table == 'session' else 'session'}=?", (session,)
            )

    def _add(self, table: str, session: str, rows: Collection[tuple[object, ...]]) -> None:
        columns = ", ".join("?" * (_TABLES[table].partition(", PRIMARY KEY (")[0].count(",") + 1))
        ours = ((session, *map(_storable, row)) for row in rows)
        self._connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({columns})", ours)

    def past(self, environment: str, focus: str) -> Past:
        """What the indexed sessions tell a new one of this environment and focus."""
        return Past(
            last_good=self._last_good(environment),
            sightings=tuple(self._sightings(environment)),
            refuted=tuple(Refuted(*row) for row in self._all(_REFUTED, environment, MOST_REFUTED)),
            suites=tuple(self._suites(environment)),
            actions=tuple(
                OpenAction(action, horizon, text, since, tuple(json.loads(about)))
                for action, horizon, text, since, about in self._all(_ACTIONS, environment, focus, MOST_ACTIONS)
            ),
        )

    def _all(self, query: str, *values: object) -> list[tuple[str, ...]]:
        return self._connection.execute(query, values).fetchall()

    def _last_good(self, environment: str) -> GoodSession | None:
        rows = self._all(_GOOD, environment)
        revisions = {target: revision for _, _, target, revision in rows}
        return GoodSession(rows[0][0], rows[0][1], revisions) if rows else None

    def _sightings(self, environment: str) -> Iterator[Sighting]:
        """The signatures, those seen last first, each with all sessions that say something of it."""
        seen: dict[str, list[Word]] = {}
        for signature, at, session, commit in self._all(_SEEN, environment):
            before = seen.pop(signature, [])  # so that the newest comes last
            seen[signature] = [*before, Word(at, session, commit, is_seen=True)]
        for signature, words in list(reversed(seen.items()))[:MOST_SIGNATURES]:
            known = {word.session_id for word in words}
            spared = self._all(_SPARED, environment, LOOK_BACK, words[-1].session_id, signature)
            gone = [Word(at, each, commit, is_seen=False) for at, each, commit in spared if each not in known]
            yield sighting_of(signature, [*words, *gone])

    def _suites(self, environment: str) -> Iterator[SuitePast]:
        rows = self._all(_TESTS, environment, LOOK_BACK)
        for suite, ours in groupby(rows, key=lambda row: row[0]):
            sessions = [
                (session, {test: Mark(mark) for _, _, test, mark in ends})
                for session, ends in groupby(ours, key=lambda row: row[1])
            ]
            found = suite_past(suite, sessions, ENOUGH_RUNS)
            if found.sessions:
                yield replace(found, tests=_bounded(found.tests))


def with_history(path: Path, work: Callable[[History], T]) -> T:
    """The outcome of some work on the index; where that is broken, it is put aside and the work done on an empty one.

    Raises StorageError when there is no index to be had, as on a full disk.
    """
    try:
        try:
            return _worked(path, work)
        except _BrokenError:
            return _mended(path, work)
    except (sqlite3.Error, OSError, _BrokenError) as error:
        raise StorageError(f"cannot use {path}: {error}", "it can be deleted at any time") from error


def _mended(path: Path, work: Callable[[History], T]) -> T:
    """The same on an empty index, unless another process was faster and it is a good one again."""
    with path.with_name("history.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(_BrokenError):
            return _worked(path, work)
        for suffix in ("", "-journal"):  # its rollback journal would be taken for that of the next
            with contextlib.suppress(FileNotFoundError):
                Path(f"{path}{suffix}").replace(f"{path}.broken{suffix}")
        return _worked(path, work)


def _worked(path: Path, work: Callable[[History], T]) -> T:
    try:
        with contextlib.closing(History(path)) as history:
            return work(history)
    except sqlite3.OperationalError:
        raise  # locked, a full disk: it may be whole
    except (sqlite3.DatabaseError, ValueError) as error:
        raise _BrokenError(str(error)) from error


def _storable(value: object) -> object:
    """A text without what UTF-8 cannot hold; anything else as it is."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _bounded(tests: Mapping[str, str]) -> Mapping[str, str]:
    """The marks of a suite's tests; of very many those that have something to tell."""
    if len(tests) <= MOST_TESTS:
        return tests
    telling = ((test, marks) for test, marks in tests.items() if set(marks) != {"."})
    return dict(list(telling)[:MOST_TESTS])
