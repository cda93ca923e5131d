"""Locks of the kernel: one holder, known by name, and none once it is dead."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import anyio
import pytest

from netra_loop.adapters.locks import Lock, environment_lock, lease
from netra_loop.core.errors import LockedError
from tests.adapters.children import python, readable

CONTENDER = """
import fcntl, sys
from pathlib import Path
from netra_loop.adapters.locks import Lock
from netra_loop.core.errors import LockedError

path, barrier, name = sys.argv[1:]
print("ready", flush=True)
with open(barrier) as gate:
    fcntl.flock(gate, fcntl.LOCK_SH)
try:
    Lock(Path(path)).acquire("environment staging", name)
except LockedError as error:
    print(f"{error.exit_code} {error.message}", flush=True)
else:
    print("won", flush=True)
sys.stdin.read()
"""


def test_of_twenty_processes_one_wins_and_the_others_are_told_who(tmp_path: Path) -> None:
    path, barrier = tmp_path / "environment.lock", tmp_path / "barrier"
    with ExitStack() as stack:
        gate = stack.enter_context(barrier.open("w"))
        fcntl.flock(gate, fcntl.LOCK_EX)
        names = [f"session-{number}" for number in range(20)]
        contenders = [stack.enter_context(python(CONTENDER, str(path), str(barrier), name)) for name in names]
        assert {readable(contender.stdout) for contender in contenders} == {"ready"}
        fcntl.flock(gate, fcntl.LOCK_UN)
        answers = [readable(contender.stdout) for contender in contenders]

        winner = answers.index("won")
        pid = contenders[winner].pid
        since = r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
        refusal = re.compile(rf"75 environment staging is held by session {names[winner]} \(pid {pid}, {since}\)")
        others = [answer for number, answer in enumerate(answers) if number != winner]
        assert [answer for answer in others if not refusal.fullmatch(answer)] == []

        contenders[winner].kill()
        contenders[winner].wait()
        heir = Lock(path)
        heir.acquire("environment staging", "heir")
        heir.release()


def test_a_lock_that_is_released_can_be_taken_again_and_names_nobody(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    first, second = Lock(path), Lock(path)
    first.acquire("it", "one")
    assert json.loads(path.read_text())["session"] == "one"
    first.release()
    first.release()

    assert path.exists(), "the file itself is never removed: two could hold two files of one name"
    assert path.read_text() == ""
    second.acquire("it", "two")
    second.release()


def test_who_waits_gets_the_lock_when_its_holder_dies(tmp_path: Path) -> None:
    path, barrier = tmp_path / "a.lock", tmp_path / "barrier"
    barrier.touch()
    with python(CONTENDER, str(path), str(barrier), "first") as holder:
        assert [readable(holder.stdout), readable(holder.stdout)] == ["ready", "won"]
        with pytest.raises(LockedError, match=f"it is held by session first .pid {holder.pid}"):
            Lock(path).acquire("it", "second", wait=0.2)
        holder.kill()
        heir = Lock(path)
        heir.acquire("it", "second", wait=10)
        assert json.loads(path.read_text())["pid"] == os.getpid()
        heir.release()


def test_a_lock_held_by_who_knows_whom_is_still_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with path.open("w") as stranger:
        fcntl.flock(stranger, fcntl.LOCK_EX)
        with pytest.raises(LockedError, match="it is held by another process"):
            Lock(path).acquire("it", "one")


def test_a_refused_lock_keeps_no_file_open(tmp_path: Path) -> None:
    holder, path = Lock(tmp_path / "a.lock"), tmp_path / "a.lock"
    holder.acquire("it", "one")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with pytest.raises(LockedError):
            Lock(path).acquire("it", "two")

    assert len(list(Path("/proc/self/fd").iterdir())) == before
    holder.release()


def test_the_holder_can_be_named_later_and_only_while_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    lock = Lock(path)
    lock.name_holder("too early")
    assert not path.exists()
    lock.acquire("it", "a new session")
    lock.name_holder("x")

    assert json.loads(path.read_text())["session"] == "x", "nothing of the longer name is left"
    lock.release()


def test_environments_are_locked_apart_by_project_region_and_name(tmp_path: Path) -> None:
    places = [("p", "r", "staging"), ("p", "r", "local"), ("p", "s", "staging"), ("q", "r", "staging")]
    locks = [environment_lock(tmp_path, *place) for place in places]
    for lock in locks:
        lock.acquire("it", "one")
    with pytest.raises(LockedError):
        environment_lock(tmp_path, "p", "r", "staging").acquire("it", "two")

    for lock in locks:
        lock.release()


def test_the_name_of_an_environment_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "locks"
    folder.mkdir()
    lock = environment_lock(folder, "../..", "/etc", "a b\n")
    lock.acquire("it", "one")
    lock.release()

    assert [path.parent for path in tmp_path.rglob("*.lock")] == [folder]


TENANT = """
import sys
from pathlib import Path

import anyio

from netra_loop.adapters.locks import lease

async def stay():
    async with lease(Path(sys.argv[1]), "local", sys.argv[2], "another session", 0.0):
        print("has it", flush=True)
        await anyio.to_thread.run_sync(sys.stdin.read)

anyio.run(stay)
"""


def leased(folder: Path, *tenants: tuple[str, str], wait: float = 0.0) -> list[str]:
    """Lease users as `environment user`, all at once and each while the others have theirs; the refusals."""
    refused: list[str] = []

    async def lease_all(left: Sequence[tuple[str, str]]) -> None:
        if left:
            environment, user = left[0]
            try:
                async with lease(folder, environment, user, f"session of {user}", wait):
                    await lease_all(left[1:])
            except LockedError as error:
                refused.append(error.message)

    anyio.run(lease_all, tenants)
    return refused


def test_a_test_user_is_leased_to_one_and_the_other_is_told_who_has_it(tmp_path: Path) -> None:
    (refusal,) = leased(tmp_path, ("local", "u1"), ("local", "u1"))

    since = r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    assert re.fullmatch(rf"test user u1 is held by session session of u1 \(pid {os.getpid()}, {since}\)", refusal)


def test_other_users_and_other_environments_are_leased_apart(tmp_path: Path) -> None:
    assert leased(tmp_path, ("local", "u1"), ("local", "u2"), ("staging", "u1"), ("local", "u1 ")) == []


def test_a_user_may_be_leased_again_once_it_was_given_back(tmp_path: Path) -> None:
    assert leased(tmp_path, ("local", "u1")) == []
    assert leased(tmp_path, ("local", "u1")) == []


def test_a_user_is_given_back_also_when_its_holder_fails(tmp_path: Path) -> None:
    async def fail() -> None:
        async with lease(tmp_path, "local", "u1", "one", 0.0):
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        anyio.run(fail)
    assert leased(tmp_path, ("local", "u1")) == []


def test_no_user_is_no_lease(tmp_path: Path) -> None:
    assert leased(tmp_path, ("local", ""), ("local", "")) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("user", ["../../x", "a/b", "e2e+1@example.com", "x" * 300, "\u2603\n"], ids=ascii)
def test_any_name_of_a_user_makes_one_file_in_the_folder_that_does_not_tell_it(tmp_path: Path, user: str) -> None:
    folder = tmp_path / "locks"
    folder.mkdir()
    assert leased(folder, ("local", user)) == []

    (found,) = tmp_path.rglob("*.lock")
    assert found.parent == folder
    assert re.fullmatch(r"user-[0-9a-f]{16}\.lock", found.name)


def test_a_lease_of_another_process_excludes_us_until_that_process_dies(tmp_path: Path) -> None:
    with python(TENANT, str(tmp_path), "u1") as tenant:
        assert readable(tenant.stdout) == "has it"
        (refusal,) = leased(tmp_path, ("local", "u1"))
        assert refusal.startswith(f"test user u1 is held by session another session (pid {tenant.pid}, since ")
        assert leased(tmp_path, ("local", "u2")) == []
        tenant.kill()
        tenant.wait()
        assert leased(tmp_path, ("local", "u1")) == []


def test_who_waits_for_a_user_gets_it_when_its_holder_gives_it_back_and_stops_nobody_meanwhile(tmp_path: Path) -> None:
    events: list[str] = []

    async def second(asked: anyio.Event) -> None:
        asked.set()
        async with lease(tmp_path, "local", "u1", "second", 60.0):
            events.append("second has it")

    async def both() -> None:
        async with anyio.create_task_group() as tasks:
            async with lease(tmp_path, "local", "u1", "first", 0.0):
                asked = anyio.Event()
                tasks.start_soon(second, asked)
                await asked.wait()
                await anyio.lowlevel.checkpoint()
                events.append("first goes on")
            events.append("first is done")

    anyio.run(both)
    assert events == ["first goes on", "first is done", "second has it"]
    assert leased(tmp_path, ("local", "u1")) == []


def test_a_wait_that_is_cancelled_leaves_nothing_behind(tmp_path: Path) -> None:
    async def cancelled() -> None:
        async with lease(tmp_path, "local", "u1", "first", 0.0):
            with anyio.move_on_after(0.01) as waiting:
                async with lease(tmp_path, "local", "u1", "second", 60.0):
                    raise AssertionError("nobody gave it back")
            assert waiting.cancelled_caught

    before = len(list(Path("/proc/self/fd").iterdir()))
    anyio.run(cancelled)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert leased(tmp_path, ("local", "u1")) == []
