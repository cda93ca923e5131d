"""The embedded Cloud Run is started once, however many ask for it at once, and in whatever state the last was left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from netra_loop.adapters.embedded import ensure_up, join, purge, wait_down
from netra_loop.core.errors import PreflightError
from tests.adapters.children import wait_until

ENSURE = """
import sys
from pathlib import Path
from netra_loop.adapters.embedded import ensure_up
print(ensure_up(Path(sys.argv[1])).pid)
"""


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state folder whose server is down at the end."""
    folder = tmp_path / "local"
    yield folder
    server = join(folder)
    if server is not None:
        server.down()
        assert wait_down(folder)
    wait_until(lambda: not servers_of(folder))


def servers_of(folder: Path) -> list[str]:
    """The processes that serve a state folder, or are about to."""
    commands = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            commands.append(command.read_text("utf-8"))
    return [command for command in commands if str(folder) in command.split("\0")]


def started_at_once(state: Path, count: int = 3) -> set[int]:
    """The servers that as many processes end up with that ask for one at the same time."""
    asking = [
        subprocess.Popen([sys.executable, "-c", ENSURE, str(state)], stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    told = [each.communicate(timeout=40)[0] for each in asking]
    assert [each.returncode for each in asking] == [0] * count
    return set(map(int, told))


def test_modules_of_the_project_are_not_taken_for_ours(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secrets.py").write_text("raise RuntimeError('not yours to import')\n")
    monkeypatch.chdir(tmp_path)
    assert ensure_up(state).status()["pid"]


def test_who_asks_at_once_gets_the_same_server(state: Path) -> None:
    (first,) = started_at_once(state)
    os.kill(first, signal.SIGKILL)
    (second,) = started_at_once(state)
    assert second != first
    server = join(state)
    assert server is not None
    assert server.pid == second


def test_one_can_be_had_while_the_last_is_about_to_end(state: Path) -> None:
    first = ensure_up(state)
    first.down()
    second = ensure_up(state)
    assert second.pid != first.pid
    assert second.url == first.url


def test_an_address_that_is_anothers_by_now_is_not_joined(state: Path, tmp_path: Path) -> None:
    server = ensure_up(state)
    left_behind = tmp_path / "other"
    left_behind.mkdir()
    told = (state / "server.json").read_text("utf-8").replace(f'"pid": {server.pid}', '"pid": 1')
    (left_behind / "server.json").write_text(told, "utf-8")
    assert join(left_behind) is None


@pytest.mark.parametrize("words", ["[]", "{", '{"url": 1, "token": 2, "pid": null}'])
def test_an_address_that_is_none_is_not_joined(tmp_path: Path, words: str) -> None:
    (tmp_path / "server.json").write_text(words, "utf-8")
    assert join(tmp_path) is None


def test_what_a_server_uses_is_not_purged(state: Path) -> None:
    server = ensure_up(state)
    with pytest.raises(PreflightError, match="started again meanwhile"):
        purge(state)
    server.down()
    assert wait_down(state)
    assert purge(state) == ["audit.jsonl", "images", "logs.sqlite", "server.log", "state.db", "uploads"]
    assert [path.name for path in state.iterdir()] == ["server.lock"]
    assert purge(state) == []
