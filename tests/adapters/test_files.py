"""Files that are whole at every moment, session ids, and how a session is found."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from netra_loop.adapters.files import SESSION_ID, SessionFolder, State, session_id, sha256_of, write_whole
from netra_loop.adapters.journal import SqliteJournal
from netra_loop.core.codec import encode
from netra_loop.core.errors import StorageError, UsageError
from netra_loop.core.events import Entry, IterationBegun
from tests.adapters.children import python, readable, told_by_python
from tests.stories import START

PREFIX = "ultimate-test-deploy-loop"


def test_a_file_is_written_with_the_folders_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "worklogs" / "2025" / "one.md"
    write_whole(path, b"first")
    write_whole(path, b"second")

    assert path.read_bytes() == b"second"
    assert [each.name for each in path.parent.iterdir()] == ["one.md"], "nothing else is left beside it"


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640])
def test_a_file_has_the_mode_that_was_asked_for(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o777)
    before = os.umask(0o022)
    try:
        write_whole(path, b"new", mode)
    finally:
        os.umask(before)

    assert path.stat().st_mode & 0o7777 == mode


def a_folder_in_its_place(tmp_path: Path) -> Path:
    (tmp_path / "file" / "inside").mkdir(parents=True)
    return tmp_path / "file"


def a_file_for_a_folder(tmp_path: Path) -> Path:
    (tmp_path / "taken").write_text("old")
    return tmp_path / "taken" / "file"


def a_device_for_a_folder(tmp_path: Path) -> Path:
    return Path("/dev/null/file")


def a_name_too_long(tmp_path: Path) -> Path:
    return tmp_path / ("x" * 300)


IMPOSSIBLE = {
    "a folder stands in its place": a_folder_in_its_place,
    "a file stands where its folder should": a_file_for_a_folder,
    "its folder cannot be made": a_device_for_a_folder,
    "its name is too long": a_name_too_long,
}


@pytest.mark.parametrize("make", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_cannot_be_written_is_a_storage_error_and_changes_nothing(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path)
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(StorageError, match="cannot write") as refusal:
        write_whole(path, b"new")

    assert (refusal.value.exit_code, refusal.value.hint) == (74, "free space or permissions, then resume")
    assert sorted(tmp_path.rglob("*")) == before


FULL_DISK = """
import resource, sys
from pathlib import Path
from netra_loop.adapters.files import write_whole
from netra_loop.core.errors import StorageError

path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_whole(path, b"new" * 100_000)
except StorageError as error:
    print(error)
"""


def test_when_there_is_no_room_the_old_content_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")

    assert told_by_python(FULL_DISK, str(path)).startswith(f"cannot write {path}: File too large")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path], "the unfinished part is removed"


ENDLESS_WRITER = """
import sys
from pathlib import Path
from netra_loop.adapters.files import write_whole

while True:
    for letter in b"ab":
        write_whole(Path(sys.argv[1]), bytes([letter]) * 500_000)
    print(flush=True)
"""


def test_a_reader_sees_old_or_new_content_also_when_the_writer_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    whole = {b"a" * 500_000, b"b" * 500_000}
    for _ in range(3):
        with python(ENDLESS_WRITER, str(path)) as writer:
            readable(writer.stdout)
            seen = {path.read_bytes() for _ in range(200)}
        assert seen <= whole
        assert path.read_bytes() in whole


def test_the_digest_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")

    assert sha256_of(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_state_folder_is_ours_alone_and_ignored_by_git(tmp_path: Path) -> None:
    state = State(tmp_path / "deep" / ".netra-loop")
    state.prepare()
    state.root.chmod(0o755)
    (state.root / ".gitignore").write_text("mine\n")
    state.prepare()

    assert state.root.stat().st_mode & 0o777 == 0o700
    assert (state.root / ".gitignore").read_text() == "mine\n", "what is there is left alone"
    assert sorted(path.name for path in state.root.iterdir()) == [".gitignore", "locks", "sessions"]


def test_a_new_state_folder_is_ignored_by_git(tmp_path: Path) -> None:
    State(tmp_path / "state").prepare()

    assert (tmp_path / "state" / ".gitignore").read_text() == "*\n"


def test_a_state_folder_that_cannot_be_made_is_a_storage_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError, match="cannot use") as refusal:
        State(tmp_path / "file").prepare()
    assert refusal.value.hint == "name another folder with --state-dir"


FOCUSES = {
    "all": ("all", "all"),
    "nothing": ("", "all"),
    "capitals": ("P1", "p1"),
    "several words": ("P1,websocket events", "p1-websocket-events"),
    "a path": ("../../etc/passwd", "etc-passwd"),
    "only strange characters": ("¿·?", "all"),
    "letters of other alphabets": ("größe", "gr-e"),
    "a newline": ("a\nb", "a-b"),
    "more than forty characters": ("x" * 60, "x" * 40),
    "a cut after a dash": ("x" * 39 + ",yyy", "x" * 39),
}


@pytest.mark.parametrize(("focus", "word"), FOCUSES.values(), ids=FOCUSES)
def test_a_session_id_carries_focus_and_time(focus: str, word: str) -> None:
    found = session_id(focus, START)

    assert found == f"{PREFIX}-{word}-2025-09-14-171026"
    assert SESSION_ID.fullmatch(found)


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / "state")
    state.prepare()
    return state


def begin_journal(path: Path) -> None:
    """A journal with one entry."""
    journal = SqliteJournal(path)
    event = IterationBegun(1)
    journal.append(Entry(1, datetime(2025, 9, 14, tzinfo=UTC), event), encode(event))
    journal.close()


def opened(state: State, focus: str = "all", at: datetime = START) -> SessionFolder:
    """A session that has its journal."""
    folder = state.new_session(focus, at)
    begin_journal(folder.journal)
    return folder


def test_a_new_session_has_a_folder_of_its_own(state: State) -> None:
    folder = state.new_session("all", START)

    assert folder.id == f"{PREFIX}-all-2025-09-14-171026"
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in folder.path.iterdir()] == ["artifacts"]


def test_sessions_of_one_second_are_numbered(state: State) -> None:
    ids = [state.new_session("all", START).id.removeprefix(f"{PREFIX}-all-") for _ in range(4)]

    assert ids == ["2025-09-14-171026", "2025-09-14-171026-2", "2025-09-14-171026-3", "2025-09-14-171026-4"]


def test_a_session_without_a_state_folder_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot create"):
        State(tmp_path / "gone").new_session("all", START)


def test_sessions_are_ordered_by_their_time_not_by_their_names(state: State) -> None:
    late = opened(state, "aaa", START + timedelta(days=1))
    early = opened(state, "zzz", START - timedelta(hours=8))
    same = [opened(state, "mmm", START) for _ in range(11)]

    assert state.session_ids() == [early.id, *(each.id for each in same), late.id]
    assert state.find_session("last").id == late.id


def test_a_session_that_never_wrote_its_journal_and_a_foreign_folder_are_not_listed(state: State) -> None:
    state.new_session("all", START)
    for foreign in ("UPPER", "a", "with space", "_x", "x" * 101):
        (state.root / "sessions" / foreign).mkdir()
        begin_journal(state.root / "sessions" / foreign / "journal.db")

    assert state.session_ids() == []
    with pytest.raises(UsageError, match="there is no session yet"):
        state.find_session("last")


def test_a_session_is_found_by_its_id_and_by_a_unique_prefix(state: State) -> None:
    first, second = opened(state, "p1"), opened(state, "p1")
    other = opened(state, "events")

    assert state.find_session(first.id) == first, "an id that is the prefix of another still names its own session"
    assert state.find_session(second.id) == second
    assert state.find_session(f"{PREFIX}-e") == other


def test_a_prefix_of_several_sessions_is_refused_with_their_names(state: State) -> None:
    several = [opened(state, "p1"), opened(state, "p1")]
    opened(state, "events")

    with pytest.raises(UsageError, match=f"2 sessions named '{PREFIX}-p'") as refusal:
        state.find_session(f"{PREFIX}-p")
    assert refusal.value.hint == f"known are: {', '.join(each.id for each in several)}"


HOSTILE = [
    *("../../etc", "..", ".", "/etc", "/", "../outside", "outside/../../outside", f"{PREFIX}/..", "sessions"),
    *("", "*", "-rf", "LAST", "last ", "a\0b", "a\nb", "\u202e", "%2e%2e", "x" * 5000, "$(id)"),
]


@pytest.mark.parametrize("word", HOSTILE, ids=ascii)
def test_a_word_that_names_no_session_is_refused_whatever_it_is(state: State, word: str) -> None:
    known = opened(state)
    outside = state.root / "outside"
    outside.mkdir()
    begin_journal(outside / "journal.db")

    with pytest.raises(UsageError, match="no session named") as refusal:
        state.find_session(word)
    assert refusal.value.hint == f"known are: {known.id}"


@pytest.mark.parametrize("word", [word for word in HOSTILE if word != "sessions"], ids=ascii)
def test_a_word_that_is_no_session_id_never_becomes_a_path(state: State, word: str) -> None:
    with pytest.raises(UsageError, match="not a session id"):
        state.session(word)


def test_every_attempt_has_files_of_its_own(state: State) -> None:
    folder = state.new_session("all", START)
    first, second = folder.artifact_folder("1/p1", 1), folder.artifact_folder("1/p1", 2)
    (first / "output.txt").write_text("first")

    assert list(second.iterdir()) == []
    assert folder.reference(first / "output.txt") == "artifacts/1-p1/1/output.txt"
    assert folder.artifact_folder("1/p1", 1) == first


def test_the_time_in_a_session_id_is_the_time_given() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    assert re.fullmatch(rf"{PREFIX}-all-2026-01-02-030405", session_id("all", at))
