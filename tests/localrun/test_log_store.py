"""The entries kept: in order, found by an index, within limits, whole whatever happens to the server or the file."""

import asyncio
import json
import resource
import sqlite3
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netra_loop.localrun.errors import ApiError
from netra_loop.localrun.logs.file import LogFile, select
from netra_loop.localrun.logs.filter import compile_filter
from netra_loop.localrun.logs.index import EVERYTHING, Condition, row
from netra_loop.localrun.logs.store import LogStore
from tests.localrun.cloud import Cloud, Document, until

NOW = datetime.now(UTC)
ALL = compile_filter("")


def entry(text: str, ago: float = 60.0, **more: Any) -> Document:
    """A LogEntry from some seconds ago."""
    moment = (NOW - timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"logName": "projects/demo/logs/l", "timestamp": moment, "severity": "INFO", "textPayload": text} | more


def texts(store: LogStore, newest_first: bool = False, filter_: str = "") -> list[str]:
    page = asyncio.run(store.page(compile_filter(filter_), newest_first, 1000, ""))
    return [found["textPayload"] for found in page.entries]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LogStore]:
    opened = LogStore(tmp_path / "logs.sqlite")
    yield opened
    opened.close()


def write(cloud: Cloud, *numbers: int) -> None:
    body = {"logName": "projects/demo/logs/l", "entries": [{"jsonPayload": {"number": number}} for number in numbers]}
    assert cloud.http.post("/v2/entries:write", json=body).json() == {}


def numbers(cloud: Cloud) -> list[int]:
    return [found["jsonPayload"]["number"] for found in cloud.entries('log_id("l")')]


def test_entries_come_in_order_of_time_then_of_arrival(store: LogStore) -> None:
    for text, ago in (("c", 10), ("a", 30), ("b", 20), ("d", 10)):
        store.append(entry(text, ago))
    assert texts(store) == ["a", "b", "c", "d"]
    assert texts(store, newest_first=True) == ["d", "c", "b", "a"]


@pytest.mark.parametrize("newest_first", [True, False], ids=["newest first", "oldest first"])
def test_a_page_token_stays_valid_while_entries_arrive(store: LogStore, newest_first: bool) -> None:
    for number in range(5):
        store.append(entry(str(number), 50))
    seen, token = [], ""
    for later in range(3):
        page = asyncio.run(store.page(ALL, newest_first, 2, token))
        seen += [found["textPayload"] for found in page.entries]
        token = page.next_token
        store.append(entry(f"new {later}", 40 if newest_first else 60))
    assert seen == (["4", "3", "2", "1", "0"] if newest_first else ["0", "1", "2", "3", "4"])
    assert token == ""


def test_a_page_of_large_entries_has_fewer_of_them(store: LogStore) -> None:
    for _ in range(5):
        store.append(entry("x" * 1_000_000))
    sizes, token = [], "begin"
    while token:
        page = asyncio.run(store.page(ALL, False, 1000, token.removeprefix("begin")))
        sizes.append(len(page.entries))
        token = page.next_token
    assert sizes == [2, 2, 1]


def test_what_is_older_than_the_retention_is_not_listed_and_falls_out(tmp_path: Path) -> None:
    store = LogStore(tmp_path / "logs.sqlite", retention=timedelta(days=1))
    store.append(entry("old", ago=90_000))
    store.append(entry("young", ago=80_000))
    assert texts(store) == ["young"]
    store.append(entry("new"))
    assert texts(store) == ["young", "new"]
    store.close()
    assert count(tmp_path / "logs.sqlite") == 2


def test_what_is_more_than_a_day_ahead_is_not_listed(store: LogStore) -> None:
    store.append(entry("tomorrow", ago=-80_000))
    store.append(entry("the day after", ago=-90_000))
    assert texts(store) == ["tomorrow"]


def test_the_oldest_fall_out_when_the_file_is_full(tmp_path: Path) -> None:
    path, volume = tmp_path / "logs.sqlite", 1_000_000
    store = LogStore(path, volume=volume)
    for number in range(40):
        for part in range(50):
            store.append(entry(f"{number} {part} " + "x" * 1000, ago=1000 - number))
        newest = texts(store, newest_first=True)
    store.close()
    assert newest[0].startswith("39 49 ")
    assert 100 < count(path) < 1000
    assert newest == sorted(newest, key=lambda text: [int(part) for part in text.split()[:2]], reverse=True)
    assert path.stat().st_size < 2 * volume


def count(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        return int(connection.execute("SELECT count(*) FROM entries").fetchone()[0])


def test_entries_outlive_a_server_that_was_killed(own_cloud: Callable[..., Cloud]) -> None:
    first = own_cloud()
    write(first, *range(100))
    assert len(numbers(first)) == 100
    first.kill()
    second = own_cloud(home=first.home)
    write(second, 100)
    assert numbers(second) == [*range(101)]
    assert stat.S_IMODE((first.home / "logs.sqlite").stat().st_mode) == 0o600


def test_a_server_killed_while_it_writes_leaves_a_whole_file(own_cloud: Callable[..., Cloud]) -> None:
    cloud = own_cloud()
    for _ in range(5):
        write(cloud, *range(500))
    cloud.kill()
    with sqlite3.connect(cloud.home / "logs.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_damaged_file_is_moved_aside(own_cloud: Callable[..., Cloud], tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "logs.sqlite").write_text("this is no database, but it is long enough to be read as one" * 20)
    cloud = own_cloud(home=home)
    write(cloud, 1)
    assert numbers(cloud) == [1]
    assert (home / "logs.damaged").read_text().startswith("this is no database")
    cloud.stop()
    assert cloud.process.stderr is not None
    assert cloud.process.stderr.read().count("the log entries are damaged") == 1


def test_damage_that_a_reading_meets_is_not_the_end(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "logs.sqlite"
    store = LogStore(path)
    for number in range(2000):
        store.append(entry(str(number)))
    store.close()
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * (path.stat().st_size - 8192))
    store = LogStore(path)
    assert texts(store) == []
    store.append(entry("after it"))
    assert texts(store) == ["after it"]
    store.close()
    assert capfd.readouterr().err.count("the log entries are damaged") == 1


def test_a_full_disk_loses_entries_and_nothing_else(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    store = LogStore(tmp_path / "logs.sqlite")
    store.append(entry("before"))
    assert texts(store) == ["before"]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        for _ in range(3):
            store.append(entry("x" * 500_000))
            assert texts(store) == ["before"]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    store.append(entry("after"))
    assert texts(store) == ["before", "after"]
    store.close()
    assert capfd.readouterr().err.count("log entries cannot be written") == 1


def test_a_flood_that_had_to_wait_is_written_in_parts(store: LogStore, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "logs.sqlite", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(20_000):
            store.append(entry("x" * 1000))
        other.execute("ROLLBACK")
    assert texts(store, filter_='textPayload="y"') == []
    assert (tmp_path / "logs.sqlite-wal").stat().st_size < 10_000_000


def test_the_journal_of_a_long_reading_is_cut_after_it(store: LogStore, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "logs.sqlite", isolation_level=None) as reading:
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM entries").fetchone()
        for _ in range(25):
            store.append(entry("x" * 1_000_000))
        assert texts(store, filter_='textPayload="y"') == []
        assert (tmp_path / "logs.sqlite-wal").stat().st_size > 25_000_000
        reading.execute("ROLLBACK")
    for text in ("the journal is copied", "the journal begins anew"):
        store.append(entry(text, -60))
        assert texts(store, filter_=f'textPayload="{text}"') == [text]
    assert (tmp_path / "logs.sqlite-wal").stat().st_size < 17_000_000


def test_a_folder_that_is_gone_is_said_to_the_reader(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    store = LogStore(tmp_path / "nowhere" / "logs.sqlite")
    store.append(entry("lost"))
    with pytest.raises(ApiError, match="The log entries are not available"):
        texts(store)
    store.close()
    assert capfd.readouterr().err.count("log entries cannot be written") == 1


def test_what_is_appended_is_written_without_a_reader(tmp_path: Path) -> None:
    store = LogStore(tmp_path / "logs.sqlite")
    store.append(entry("alone"))
    until(lambda: count(tmp_path / "logs.sqlite") == 1, "the entry is written")
    store.close()


INDEXED = [
    ('resource.labels.service_name="backend" severity>=ERROR timestamp>="2026-01-01"', "by_service"),
    ('resource.labels.service_name="backend" resource.labels.revision_name="backend-2" severity=ERROR', "by_revision"),
    ('resource.type=cloud_run_revision log_id(stdout) resource.labels.service_name=b', "by_service"),
    ('logName="projects/demo/logs/l" textPayload:"x"', "by_log_id"),
    ('resource.labels.job_name="j" labels."run.googleapis.com/execution_name"="j-1"', "by_execution"),
    ('trace="projects/demo/traces/1" resource.labels.service_name="b"', "by_trace"),
    ('resource.labels.revision_name=("a" OR "b")', "by_revision"),
    ("severity>=ERROR", "by_time"),
    ("NOT jsonPayload.x=1", "by_time"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "index"), INDEXED)
@pytest.mark.parametrize("newest_first", [True, False], ids=["newest first", "oldest first"])
def test_a_query_uses_an_index(store: LogStore, tmp_path: Path, text: str, index: str, newest_first: bool) -> None:
    sql, values = select(compile_filter(text).condition, (1, 1), newest_first)
    with sqlite3.connect(tmp_path / "logs.sqlite") as connection:
        plan = " / ".join(step[3] for step in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values))
    assert f"INDEX {index} (" in plan
    assert "SCAN" not in plan


LABELS = ["backend", "Backend", "frontend", ""]
TRACES = ["projects/demo/traces/1", "", None]
KEPT = [
    entry(
        f"{number} {label}", 100 - number, severity=severity, trace=trace,
        logName=f"projects/{project}/logs/{log}",
        resource={"type": "cloud_run_revision", "labels": {"service_name": label, "serviceName": "camel"}},
    )
    for number, (label, severity, trace, project, log) in enumerate(
        (label, severity, trace, project, log)
        for label in LABELS for severity in ("DEFAULT", "INFO", "ERROR") for trace in TRACES
        for project, log in (("demo", "run.googleapis.com%2Fstdout"), ("other", "L"))
    )
]  # fmt: skip
FIELDS = {
    "resource.labels.service_name": [*LABELS, "camel"],
    "resource.labels.serviceName": ["camel", "backend"],
    "severity": ["INFO", "ERROR", "500"],
    "timestamp": [KEPT[20]["timestamp"], KEPT[40]["timestamp"]],
    "trace": ["projects/demo/traces/1", "PROJECTS/DEMO/traces/1", ""],
    "logName": ["projects/demo/logs/run.googleapis.com%2Fstdout", "projects/other/logs/l"],
    "textPayload": ["backend"],
}
ORDERED = st.sampled_from(["=", "!=", "<", "<=", ">", ">=", ":"])
COMPARISONS = st.sampled_from(list(FIELDS)).flatmap(
    lambda field: st.builds(
        lambda symbol, values: f"{field}{symbol}({' OR '.join(json.dumps(value) for value in values)})",
        ORDERED if field != "severity" else ORDERED.filter(lambda symbol: symbol != ":"),
        st.lists(st.sampled_from(FIELDS[field]), min_size=1, max_size=3),
    )
)
FILTERS = st.recursive(
    COMPARISONS | st.sampled_from(['log_id("l")', "backend"]),
    lambda inner: (
        st.builds("({} AND {})".format, inner, inner)
        | st.builds("({} OR {})".format, inner, inner)
        | inner.map("(NOT {})".format)
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogFile]:
    file = LogFile(tmp_path_factory.mktemp("logs") / "logs.sqlite")
    file.add([row(one) for one in KEPT], 0, 2**40)
    yield file
    file.close()


def found_by(kept: LogFile, text: str, condition: Condition | None = None) -> list[int]:
    """The numbers of the entries that a filter wants, looked for by its own condition or by another."""
    wanted = compile_filter(text)
    rows = kept.rows(condition or wanted.condition, None, False)
    return [number for _, number, document in rows if wanted.matches(json.loads(document))]


@pytest.mark.parametrize("symbol", ["=", "!=", "<", "<=", ">", ">="])
@pytest.mark.parametrize("field", FIELDS)
def test_the_condition_of_one_comparison_keeps_all_that_it_wants(kept: LogFile, field: str, symbol: str) -> None:
    for value in FIELDS[field]:
        text = f"{field}{symbol}{json.dumps(value)}"
        assert found_by(kept, text) == found_by(kept, text, EVERYTHING), text


@given(text=FILTERS)
def test_the_condition_of_any_filter_keeps_all_that_it_wants(kept: LogFile, text: str) -> None:
    assert found_by(kept, text) == found_by(kept, text, EVERYTHING)
