"""The SQLite file that keeps log entries: its tables, its size, and a fresh one in the place of a damaged one."""

import os
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from netra_loop.localrun.logs.index import COLUMNS, LABELLED, Condition, Row, both

FORMAT = 1
STEP = 500  # entries that are taken out at a time
JOURNAL = 16 * 1024 * 1024  # bytes that the journal is cut to, should a long reading have let it grow
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
INSERT = f"INSERT INTO entries ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
REMOVE_BEFORE = f"""DELETE FROM entries WHERE number IN
    (SELECT number FROM entries WHERE time < ? ORDER BY time, number LIMIT {STEP})"""
NEXT_LOG = "SELECT log_id FROM entries WHERE log_id > ? ORDER BY log_id LIMIT 1"
TABLE = f"""CREATE TABLE entries (
    number INTEGER PRIMARY KEY, time INTEGER NOT NULL, severity INTEGER NOT NULL, project TEXT NOT NULL,
    log_id TEXT, {" TEXT, ".join(LABELLED.values())} TEXT, entry TEXT NOT NULL)"""
# By what entries are found, and about how many of a million it leaves over, so that the planner takes the best.
INDEXED = {"log_id": 300_000, "service": 100_000, "revision": 10_000, "job": 10_000, "execution": 1_000, "trace": 10}

Position = tuple[int, int]
Result = TypeVar("Result")


class LogFile:
    """One file, for one process; writing is for one thread at a time, reading for any. Methods raise sqlite3.Error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: sqlite3.Connection | None = None

    def add(self, rows: Sequence[Row], oldest: int, volume: int) -> None:
        """Keep rows; take out those from before `oldest` and, beyond `volume` bytes, the oldest ones."""

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(INSERT, rows)
            connection.execute(REMOVE_BEFORE, (oldest,))
            while _used(connection) > volume and connection.execute(REMOVE_BEFORE, (2**62,)).rowcount:
                pass

        self._write(work)

    def rows(self, condition: Condition, after: Position | None, newest_first: bool) -> Iterator[tuple[int, int, str]]:
        """Time, number and entry of all that meets a condition, in that order, beyond the position `after`."""
        sql, values = select(condition, after, newest_first)
        with closing(self._reader()) as reader:
            for moment, number in reader.execute(sql, values):
                (entry,) = reader.execute("SELECT entry FROM entries WHERE number = ?", (number,)).fetchone()
                yield moment, number, entry

    def log_ids(self) -> Iterator[str]:
        """The ids of all logs, each found by one look into the index."""
        with closing(self._reader()) as reader:
            last = ("",)
            while last := reader.execute(
                "SELECT log_id FROM entries WHERE log_id > ? ORDER BY 1 LIMIT 1", last
            ).fetchone():
                yield last[0]

    def remove(self, project: str, log_id: str) -> int:
        """Take a log's entries out; returns how many there were."""
        sql = "DELETE FROM entries WHERE project = ? AND log_id = ?"
        return self._write(lambda connection: connection.execute(sql, (project, log_id)).rowcount)

    def replace_damaged(self, error: sqlite3.Error) -> bool:
        """Begin with a fresh file if an error says that this one is damaged; it is moved aside."""
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in DAMAGED:
            return False
        aside = self._path.with_suffix(".damaged")
        sys.stderr.write(f"the log entries are damaged ({error}), so this begins anew; they are kept as {aside}\n")
        self.close()
        self._path.replace(aside)
        for part in ("-wal", "-shm"):
            Path(f"{self._path}{part}").unlink(missing_ok=True)
        self._writer = _open(self._path)
        return True

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do all of some work or nothing; once more on a fresh file when this one is damaged."""
        try:
            return self._transact(work)
        except sqlite3.DatabaseError as error:
            if not self.replace_damaged(error):
                raise
            return self._transact(work)

    def _transact(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        self._writer = self._writer or _open(self._path)
        with self._writer:
            return work(self._writer)

    def _reader(self) -> sqlite3.Connection:
        return sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True)


def select(condition: Condition, after: Position | None, newest_first: bool) -> tuple[str, tuple[int | str, ...]]:
    """The query for the places of entries. An index has them in order; only those of several indices are sorted."""
    if after is not None:
        bound = Condition(until=after[0]) if newest_first else Condition(since=after[0])
        ahead = Condition(sql=f"(time, number) {'<' if newest_first else '>'} (?, ?)", values=after)
        condition = both([bound, ahead, condition])
    order = "DESC" if newest_first else "ASC"
    wanted = " AND ".join(filter(None, ("time BETWEEN ? AND ?", condition.sql)))
    sql = f"SELECT time, number FROM entries WHERE {wanted} ORDER BY time {order}, number {order}"
    return sql, (condition.since, condition.until, *condition.values)


def _open(path: Path) -> sqlite3.Connection:
    """The connection that writes; the file is for its owner only, and is whole however this program ends."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {JOURNAL}")
        if connection.execute("PRAGMA user_version").fetchone() != (FORMAT,):
            with connection:
                _create(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN")
    connection.execute(TABLE)
    connection.execute("CREATE INDEX by_time ON entries (time, number, severity, project)")
    for column in INDEXED:
        index = f"CREATE INDEX by_{column} ON entries ({column}, time, number, severity)"
        connection.execute(f"{index} WHERE {column} IS NOT NULL")
    connection.execute("ANALYZE")
    connection.executemany("INSERT INTO sqlite_stat1 VALUES ('entries', ?, ?)", _statistics())
    connection.execute(f"PRAGMA user_version = {FORMAT}")


def _statistics() -> Iterable[tuple[str, str]]:
    yield "by_time", "1000000 1 1 1 1"
    for column, rows in INDEXED.items():
        yield f"by_{column}", f"1000000 {rows} 1 1 1"


def _used(connection: sqlite3.Connection) -> int:
    """The bytes of the file that hold something."""
    (pages,), (free,), (size,) = (
        connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
