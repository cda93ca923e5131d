"""What is kept of services: dataclasses become documents and come back as they were, and a file that lasts."""

import re
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from netra_loop.localrun.control.operations import Operation
from netra_loop.localrun.restored import read_state
from netra_loop.localrun.services.declaration import Change
from netra_loop.localrun.services.model import Failure, Revision, RevisionState, Service, Target
from netra_loop.localrun.state.record import from_document, to_document
from netra_loop.localrun.state.store import Store, Unreadable

TEXT = some.text(max_size=8)
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | TEXT,
    lambda inner: some.lists(inner, max_size=2) | some.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
some.register_type_strategy(str, TEXT)
some.register_type_strategy(dict, some.dictionaries(TEXT, JSON, max_size=3))


def kept(path: Path, value: Any) -> Any:
    """A value that was put into a file, and read by the next who opens it."""
    store = Store(path)
    store.put("it", "one", to_document(value))
    store.close()
    again = Store(path)
    document = again.all("it")["one"]
    again.close()
    return from_document(type(value), document)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store") / "state.db"


@given(some.one_of(*map(some.from_type, (Service, Revision, Change, Operation, Failure, Target))))
@settings(max_examples=60, deadline=None)
def test_whatever_is_kept_comes_back_as_it_was(path: Path, value: Any) -> None:
    assert kept(path, value) == value


TARGET = {"allocation": "LATEST", "revision": "", "percent": 100, "tag": ""}


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({key: TARGET[key] for key in ("allocation", "revision")}, "missing 2 required"),
        (TARGET | {"color": "red"}, "color"),
        (TARGET | {"allocation": "SOMEWHERE"}, "SOMEWHERE"),
        (TARGET | {"percent": "100"}, "'100' is no"),
        (TARGET | {"tag": None}, "None is no"),
        ([], "items"),
    ],
    ids=["a field is missing", "one too many", "no such name", "another type", "nothing", "no object"],
)
def test_a_document_of_another_form_is_refused(document: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=rf"no Target: .*{problem}"):
        from_document(Target, document)


def test_a_wrong_value_far_inside_is_refused() -> None:
    with pytest.raises(ValueError, match="no Failure"):
        from_document(Failure, {"code": 13, "message": "", "reason": "INTERNAL"})
    assert [state.name for state in RevisionState] == ["STARTING", "READY", "FAILED"]  # the names are what is kept


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state.db")


def test_documents_are_in_the_order_in_which_their_keys_first_came(store: Store) -> None:
    for key, number in (("b", 1), ("a", 2), ("c", 3), ("b", 4)):
        store.put("letter", key, {"number": number})
    store.put("other", "a", {})
    store.remove("letter", "c")
    assert list(store.all("letter").items()) == [("b", {"number": 4}), ("a", {"number": 2})]


def test_changes_made_together_come_to_nothing_together(store: Store) -> None:
    def fail_halfway() -> None:
        with store.together(), store.together():
            store.put("letter", "a", {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert store.all("letter") == {}


def test_it_finds_what_documents_mention(store: Store) -> None:
    store.put("a", "1", {"image": "x@1", "nested": [{"image": "x@2"}]})
    store.put("b", "1", {"image": "x@3"})
    store.put("ignored", "1", {"image": "x@4"})
    assert store.mentions(re.compile(r"x@\d"), ignored="ignored") == {"x@1", "x@2", "x@3"}


def test_its_files_are_for_the_owner_only(store: Store, tmp_path: Path) -> None:
    store.put("letter", "a", {})
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {
        "state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600,
    }  # fmt: skip


def garbage(path: Path) -> None:
    path.write_bytes(b"nothing like a database" * 100)


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000] + b"\xff" * 5000)


def of_tomorrow(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 2")
    database.close()


DAMAGES = pytest.mark.parametrize("damage", [garbage, torn, of_tomorrow], ids=lambda damage: damage.__name__)


def written(path: Path) -> None:
    store = Store(path)
    for number in range(100):
        store.put("letter", str(number), {"text": "x" * 100})
    store.close()


@DAMAGES
def test_a_file_that_cannot_be_read_is_not_taken_for_one(tmp_path: Path, damage: Any) -> None:
    written(tmp_path / "state.db")
    damage(tmp_path / "state.db")
    with pytest.raises(Unreadable):
        Store(tmp_path / "state.db")


@DAMAGES
def test_a_file_that_cannot_be_read_is_kept_aside_and_the_state_begins_anew(
    tmp_path: Path, damage: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "state.db"
    written(path)
    damage(path)
    spoilt = path.read_bytes()
    state = read_state(path)
    aside = next(tmp_path.glob("state.db.damaged-*"))
    assert aside.read_bytes() == spoilt
    assert state.damage == capsys.readouterr().err.strip()
    assert state.damage.endswith(f"; it is kept as {aside.name}, and services begin anew")
    state.store.close()
    assert read_state(path).damage == ""


def test_a_service_that_is_none_damages_the_state(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    store.put("service", "a", {"name": "a"})
    store.close()
    assert "could not be read (no Service: " in read_state(tmp_path / "state.db").damage


def test_a_file_that_may_not_be_read_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "state.db").mkdir()
    with pytest.raises(OSError, match=r"state\.db"):
        read_state(tmp_path / "state.db")
    (tmp_path / "link.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"link\.db"):
        read_state(tmp_path / "link.db")
