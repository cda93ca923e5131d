"""The journal: what it acknowledged it has, and what it has it can prove."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from netra_loop.adapters.journal import SCHEMA_VERSION, JournalFile, SqliteJournal
from netra_loop.core import codec
from netra_loop.core.errors import StorageError, UsageError
from netra_loop.core.events import Entry, Ticked
from tests.adapters.children import python, readable, told_by_python
from tests.stories import START, Story, usual_plan


def a_story() -> list[Entry]:
    return Story(usual_plan()).begin().deploys().is_healthy().tests("p1", ["a", "b"]).entries


def keep(journal: SqliteJournal, entries: Iterable[Entry]) -> None:
    for entry in entries:
        journal.append(entry, codec.encode(entry.event))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def kept(path: Path) -> list[Entry]:
    """The entries of a journal that was written and closed."""
    entries = a_story()
    journal = SqliteJournal(path)
    keep(journal, entries)
    journal.close()
    return entries


def test_what_was_appended_is_read_back_by_the_writer_and_by_anyone_else(path: Path) -> None:
    journal, entries = SqliteJournal(path), a_story()
    keep(journal, entries)

    assert list(journal.entries()) == entries
    assert JournalFile(path).entries() == entries, "also while the writer has it open"
    journal.close()
    assert JournalFile(path).entries() == entries


def test_a_new_journal_is_empty(path: Path) -> None:
    journal = SqliteJournal(path)
    assert list(journal.entries()) == []
    assert JournalFile(path).entries() == []
    journal.close()


def test_a_journal_that_is_opened_again_goes_on_where_it_ended(path: Path, kept: list[Entry]) -> None:
    another = Entry(len(kept) + 1, kept[-1].at, Ticked())
    journal = SqliteJournal(path)
    keep(journal, [another])
    journal.close()

    assert JournalFile(path).entries() == [*kept, another]


def test_a_reader_that_has_not_finished_does_not_keep_the_writer_from_writing(path: Path) -> None:
    entries = a_story()
    journal = SqliteJournal(path)
    keep(journal, entries[:3])
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    cursor = reader.execute("SELECT seq FROM entry")
    cursor.fetchone()

    keep(journal, entries[3:])

    assert len(cursor.fetchall()) == 2, "the reader goes on in its own snapshot"
    reader.close()
    journal.close()
    assert JournalFile(path).entries() == entries


def test_every_commit_is_synchronous_and_the_file_is_in_wal_mode(path: Path) -> None:
    journal = SqliteJournal(path)
    asked = {
        name: journal._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "trusted_schema")
    }
    journal.close()

    assert asked == {"synchronous": 2, "trusted_schema": 0}
    with sqlite3.connect(path) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()


def test_a_database_that_cannot_keep_what_it_is_given_is_refused() -> None:
    with pytest.raises(StorageError, match="SQLite answers journal_mode=memory, wal is needed to lose nothing"):
        SqliteJournal(Path(":memory:"))


CHANGES = {
    "a changed body": "UPDATE entry SET body = replace(body, 'backend', 'backdoor') WHERE seq = 3",
    "a changed time": "UPDATE entry SET at = '2025-09-14T17:10:27.999999Z' WHERE seq = 3",
    "a changed hash": "UPDATE entry SET hash = lower(hex(randomblob(32))) WHERE seq = 3",
    "a removed first row": "DELETE FROM entry WHERE seq = 1",
    "a removed row in the middle": "DELETE FROM entry WHERE seq = 3",
    "a removed row, those after it numbered anew": "DELETE FROM entry WHERE seq = 3; "
    "UPDATE entry SET seq = -seq + 1 WHERE seq > 3; UPDATE entry SET seq = -seq WHERE seq < 0",
    "a row put in": "INSERT INTO entry SELECT max(seq) + 1, at, kind, body, hash FROM entry",
    "two rows that changed places": "UPDATE entry SET seq = -seq WHERE seq IN (3, 4); "
    "UPDATE entry SET seq = 7 + seq WHERE seq < 0",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_journal_that_was_changed_is_not_read(path: Path, kept: list[Entry], change: str) -> None:
    with sqlite3.connect(path) as forger:
        forger.executescript(change)
    forger.close()

    with pytest.raises(StorageError, match="does not follow from the one before"):
        JournalFile(path).entries()
    journal = SqliteJournal(path)
    with pytest.raises(StorageError, match="does not follow from the one before"):
        list(journal.entries())
    journal.close()


def test_a_journal_of_a_newer_version_is_refused_and_left_as_it_is(path: Path) -> None:
    with sqlite3.connect(path) as newer:
        newer.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    newer.close()
    before = path.read_bytes()

    for read in (lambda: SqliteJournal(path), lambda: JournalFile(path).entries()):
        with pytest.raises(UsageError, match="made by a newer version") as refusal:
            read()
        assert (refusal.value.exit_code, refusal.value.hint) == (2, "use that version")
    assert path.read_bytes() == before


def test_an_entry_of_a_kind_that_is_not_known_is_a_storage_error(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.append(Entry(1, START, Ticked()), {"is": "Teleported"})

    with pytest.raises(StorageError, match="Teleported"):
        list(journal.entries())
    with pytest.raises(StorageError, match="Teleported"):
        JournalFile(path).entries()
    journal.close()


def a_folder(path: Path) -> None:
    path.mkdir()


def no_database(path: Path) -> None:
    path.write_text("The quick brown fox jumps over the lazy dog.\n" * 20)


def another_database(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE entry (seq INTEGER PRIMARY KEY, note TEXT)")
    other.close()


def cut_in_half(path: Path) -> None:
    journal = SqliteJournal(path)
    keep(journal, a_story())
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


BROKEN = {
    "a folder": a_folder,
    "no database": no_database,
    "another program's database": another_database,
    "cut in half": cut_in_half,
}


@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN)
def test_what_is_no_journal_is_a_storage_error(path: Path, make: Callable[[Path], None]) -> None:
    make(path)

    def write() -> None:
        journal = SqliteJournal(path)
        try:
            keep(journal, [Entry(len(list(journal.entries())) + 1, START, Ticked())])
        finally:
            journal.close()

    with pytest.raises(StorageError):
        write()
    with pytest.raises(StorageError, match="cannot read the journal"):
        JournalFile(path).entries()


def test_a_journal_in_a_folder_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot open the journal"):
        SqliteJournal(tmp_path / "gone" / "journal.db")
    with pytest.raises(StorageError, match="cannot read the journal"):
        JournalFile(tmp_path / "gone" / "journal.db").entries()


def test_reading_a_journal_that_is_not_there_makes_none(path: Path) -> None:
    with pytest.raises(StorageError):
        JournalFile(path).entries()
    assert not path.exists()


@pytest.mark.parametrize("name", ["a#b", "a?b=c", "100%25", "with space", "ümlaut"])
def test_a_journal_is_read_whatever_its_folder_is_called(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    journal = SqliteJournal(folder / "journal.db")
    keep(journal, a_story())
    journal.close()

    assert JournalFile(folder / "journal.db").entries() == a_story()


def test_a_second_writer_of_the_same_entry_is_refused(path: Path, kept: list[Entry]) -> None:
    first, second = SqliteJournal(path), SqliteJournal(path)
    number = len(kept) + 1
    keep(first, [Entry(number, kept[-1].at, Ticked())])

    with pytest.raises(StorageError, match=f"cannot write entry {number} of the journal"):
        keep(second, [Entry(number, kept[-1].at, Ticked())])

    assert len(JournalFile(path).entries()) == number
    first.close()
    second.close()


WRITER = """
import resource, sys
from pathlib import Path
from netra_loop.adapters.journal import JournalFile, SqliteJournal
from netra_loop.core import codec
from netra_loop.core.errors import StorageError
from netra_loop.core.events import Entry, Ticked, ReaderUnplugged
from tests.stories import START, Story, usual_plan

journal = SqliteJournal(Path(sys.argv[1]))
opening = Story(usual_plan()).entries[0]
journal.append(opening, codec.encode(opening.event))

def append(number):
    event = ReaderUnplugged("x" * 1000, "y" * 1000)
    journal.append(Entry(number, START, event), codec.encode(event))
"""

FULL_DISK = (
    WRITER
    + """
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
number = 2
try:
    while number < 1000:
        append(number)
        number += 1
except StorageError as error:
    print(number, error.exit_code, error.hint)
print(len(list(journal.entries())))
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
append(number)
journal.close()
print(len(JournalFile(Path(sys.argv[1])).entries()))
"""
)


def test_when_the_disk_is_full_the_entry_is_refused_and_everything_before_is_kept(path: Path) -> None:
    refused, before, after = told_by_python(FULL_DISK, str(path)).splitlines()

    number, code, hint = refused.split(" ", 2)
    assert (code, hint) == ("74", "then `resume`")
    assert 2 < int(number) < 1000
    assert int(before) == int(number) - 1, "what was refused is not there"
    assert int(after) == int(number), "with space again the same entry is taken"


ENDLESS_WRITER = (
    WRITER
    + """
number = 1
while True:
    print(number, flush=True)
    number += 1
    append(number)
"""
)


@pytest.mark.parametrize("acknowledged", [1, 2, 40, 300])
def test_a_writer_that_is_killed_loses_nothing_it_acknowledged(path: Path, acknowledged: int) -> None:
    with python(ENDLESS_WRITER, str(path)) as writer:
        last = 0
        while last < acknowledged:
            last = int(readable(writer.stdout))
        writer.kill()
        assert writer.stdout is not None
        rest = writer.stdout.read().split()
    last = int(rest[-1]) if rest else last

    read = JournalFile(path).entries()
    assert last <= len(read) <= last + 1
    journal = SqliteJournal(path)
    keep(journal, [Entry(len(read) + 1, read[-1].at, Ticked())])
    assert len(list(journal.entries())) == len(read) + 1
    journal.close()
