"""Nothing of a command survives: not its end, nor its timeout, our cancellation, our death or its own tricks."""

from __future__ import annotations

import fcntl
import math
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from netra_loop.adapters.files import SessionFolder
from netra_loop.adapters.output import Output
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.supervise import FOLDER_VARIABLE, Ended, Supervision, end_leftovers, marked_processes
from netra_loop.core.errors import LockedError, StorageError
from tests.adapters.children import LIMIT, bare_environment, kill_all_with, processes_with, python, readable, wait_until

MARK = "SUPERVISED_BY_TEST"
FOREVER = "sleep 1000"
STRAY = f"setsid sh -c 'touch stray; exec {FOREVER}' & while ! test -e stray; do sleep 0.01; done"
DAEMON = f"(setsid sh -c '{FOREVER} & touch daemon; exec {FOREVER}' &); while ! test -e daemon; do sleep 0.01; done"


@dataclass
class Place:
    """Where one test's commands run; everything they start carries the mark."""

    folder: Path
    mark: str

    @property
    def env(self) -> dict[str, str]:
        return bare_environment(**{MARK: self.mark})

    @property
    def kids(self) -> Path:
        return self.folder / "kids.lock"

    @property
    def output(self) -> Path:
        return self.folder / "output.txt"

    def supervision(
        self,
        *argv: str,
        timeout: float = LIMIT,
        output: Output | None = None,
        idle: float = math.inf,
        reads: Path = Path(os.devnull),
        errors: Output | None = None,
    ) -> Supervision:
        return Supervision(
            argv,
            cwd=self.folder,
            env=self.env,
            timeout=timeout,
            output=output or Output(self.output, Redactor()),
            kids=self.kids,
            idle=idle,
            reads=reads,
            errors=errors,
        )

    def run(self, *argv: str, timeout: float = LIMIT) -> Ended:
        supervision = self.supervision(*argv, timeout=timeout)
        anyio.run(supervision.run, ignore)
        return supervision.ended

    def sh(self, script: str, timeout: float = LIMIT) -> Ended:
        return self.run("sh", "-c", script, timeout=timeout)

    @property
    def alive(self) -> list[int]:
        return processes_with(MARK, self.mark)

    def ready(self, name: str = "ready") -> bool:
        return (self.folder / name).exists()


def ignore(pid: int) -> None:
    """Who started is of no interest."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path, secrets.token_hex(8))
    yield place
    left = place.alive
    kill_all_with(MARK, place.mark)
    assert left == [], "every test here leaves nothing behind"


EXITS = {
    "0": ("exit 0", 0),
    "3": ("exit 3", 3),
    "255": ("exit 255", 255),
    "killed by itself": ("kill -9 $$", 137),
    "ended by a signal": ("kill -TERM $$", 143),
    "a crash": ("kill -SEGV $$", 139),
}


@pytest.mark.parametrize(("script", "code"), EXITS.values(), ids=EXITS)
def test_the_exit_code_is_the_command_s_own(place: Place, script: str, code: int) -> None:
    assert place.sh(script) == Ended(code, 0, "itself")


@pytest.mark.parametrize("name", ["no-such-command", "/etc/passwd", "/", "./gone"])
def test_a_command_that_cannot_be_started_is_127_and_says_why(place: Place, name: str) -> None:
    assert place.run(name) == Ended(127, 0, "itself")
    assert place.output.read_text().startswith(f"{name}: ")


def test_arguments_are_passed_as_they_are(place: Place) -> None:
    arguments = ["$(id)", "; exit 7", "-o", "a b", "", "'\"", "--", "ümlaut"]

    assert place.run(sys.executable, "-c", "import sys; print(sys.argv[1:])", *arguments).exit_code == 0
    assert place.output.read_text() == f"{arguments}\n"


def test_a_command_reads_nothing_or_the_file_that_it_is_given(place: Place) -> None:
    place.sh("cat")
    assert place.output.read_text() == ""

    (place.folder / "given").write_text("given\n")
    supervision = place.supervision("cat", reads=place.folder / "given")
    anyio.run(supervision.run, ignore)
    assert place.output.read_text() == "given\n"


def test_standard_error_is_kept_with_the_output_or_apart(place: Place) -> None:
    both = "echo said; echo complained >&2"
    place.sh(both)
    assert sorted(place.output.read_text().splitlines()) == ["complained", "said"]

    errors = Output(place.folder / "errors.txt", Redactor())
    anyio.run(place.supervision("sh", "-c", both, errors=errors).run, ignore)
    assert (place.output.read_text(), errors.last_lines) == ("said\n", ["complained"])


def test_the_pid_that_is_told_is_the_command_s_own(place: Place) -> None:
    told: list[int] = []
    supervision = place.supervision("sh", "-c", "echo $$")
    anyio.run(supervision.run, told.append)

    assert place.output.read_text() == f"{told[0]}\n"


def test_output_is_complete_and_in_order(place: Place) -> None:
    assert place.sh("seq 1 200000; echo and the end >&2").exit_code == 0
    assert place.output.read_text() == "".join(f"{number}\n" for number in range(1, 200_001)) + "and the end\n"


def test_a_command_reads_nothing_has_no_terminal_and_no_files_of_ours(place: Place) -> None:
    script = "cat; ls /proc/self/fd | wc -l; (: < /dev/tty) 2>/dev/null || echo no terminal"

    assert place.sh(script).exit_code == 0
    assert place.output.read_text() == "4\nno terminal\n", "its three, and the folder that is listed"


def test_the_last_words_after_a_timeout_are_kept(place: Place) -> None:
    ended = place.sh("trap 'echo last words; exit 5' INT; touch ready; while :; do sleep 0.05; done", timeout=1.0)

    assert ended == Ended(5, 0, "timeout")
    assert place.output.read_text() == "last words\n"


CHATTY = "for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.3; done"


def test_a_command_that_gives_signs_of_life_is_not_idle(place: Place) -> None:
    supervision = place.supervision("sh", "-c", CHATTY, idle=2.0)
    anyio.run(supervision.run, ignore)

    assert supervision.ended == Ended(0, 0, "itself")


def test_a_command_that_gives_none_is_idle(place: Place) -> None:
    supervision = place.supervision("sh", "-c", f"echo begun; exec {FOREVER}", idle=0.5)
    anyio.run(supervision.run, ignore)

    assert supervision.ended.ended_by == "idle"
    assert place.output.read_text() == "begun\n"


def test_what_outlives_a_command_is_ended_and_counted(place: Place) -> None:
    ended = place.sh(f"setsid {FOREVER} & setsid {FOREVER} & {FOREVER} & exit 0")

    assert ended == Ended(0, 3, "itself")
    assert place.alive == []


def test_a_command_ends_when_it_ends_though_a_child_holds_its_output(place: Place) -> None:
    assert place.sh(f"{FOREVER} & echo done") == Ended(0, 1, "itself")
    assert place.output.read_text() == "done\n"


ENDLESS_CHAIN = """
import fcntl, os, sys, time
fcntl.flock(os.open("chain.lock", os.O_RDWR | os.O_CREAT), fcntl.LOCK_SH)
while True:
    if os.fork():
        os._exit(0)
    os.setsid()
    time.sleep(float(sys.argv[1]))
"""


@pytest.mark.parametrize("life", ["0.005", "0.0005", "0"])
def test_a_chain_of_processes_that_fork_and_exit_all_the_time_is_caught(place: Place, life: str) -> None:
    ended = place.run(sys.executable, "-I", "-S", "-c", ENDLESS_CHAIN, life)

    assert (ended.exit_code, ended.ended_by) == (0, "itself")
    assert ended.leaked >= 1
    with (place.folder / "chain.lock").open() as chain:  # a look at the processes may miss one, its lock cannot
        fcntl.flock(chain, fcntl.LOCK_EX | fcntl.LOCK_NB)


FAMILIES = {
    "a plain child": f"{FOREVER} & touch ready; wait",
    "a child in a session of its own": f"setsid {FOREVER} & touch ready; wait",
    "a daemon": f"(setsid sh -c '{FOREVER} & touch ready' &) ; {FOREVER}",
    "one that ignores every polite signal": f"trap '' INT TERM HUP; touch ready; {FOREVER} & while :; do wait; done",
}


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_nothing_survives_the_timeout(place: Place, family: str) -> None:
    ended = place.sh(family, timeout=1.0)

    assert ended.ended_by == "timeout"
    assert place.ready()
    assert place.alive == []


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_nothing_survives_our_cancellation(place: Place, family: str) -> None:
    supervision = place.supervision("sh", "-c", family)

    async def cancelled() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(supervision.run, ignore)
            while not place.ready():
                await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()

    anyio.run(cancelled)

    assert supervision.ended.ended_by == "stop"
    assert place.alive == []


ORCHESTRATOR = """
import os, sys
from pathlib import Path
import anyio
from netra_loop.adapters.redact import Redactor
from netra_loop.adapters.supervise import Output, Supervision

folder, script = Path(sys.argv[1]), sys.argv[2]
output = Output(folder / "output.txt", Redactor())
supervision = Supervision(
    ["sh", "-c", script], cwd=folder, env=dict(os.environ), timeout=600, output=output, kids=folder / "kids.lock"
)
anyio.run(supervision.run, lambda pid: print(pid, flush=True))
"""


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_nothing_survives_our_own_death(place: Place, family: str) -> None:
    with python(ORCHESTRATOR, str(place.folder), family, **{MARK: place.mark}) as orchestrator:
        readable(orchestrator.stdout)
        wait_until(place.ready)
        assert place.alive != []
        orchestrator.kill()

    wait_until(lambda: not place.alive)


SLOW = "exec >/dev/null 2>&1; trap 'sleep 0.3; touch cleaned; exit' TERM; touch ready; while :; do sleep 0.05; done"


def test_the_lock_of_the_kids_is_held_until_the_last_of_them_is_gone(place: Place) -> None:
    with python(ORCHESTRATOR, str(place.folder), SLOW, **{MARK: place.mark}) as orchestrator:
        wait_until(place.ready)
        orchestrator.kill()

    with place.kids.open() as kids:
        with pytest.raises(BlockingIOError):
            fcntl.flock(kids, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(kids, fcntl.LOCK_EX)
    assert place.ready("cleaned")
    wait_until(lambda: not place.alive)


TRICKS = {
    "asks its parent to end": "kill -TERM $PPID; kill -INT $PPID; kill -HUP $PPID; kill -PIPE $PPID",
    "asks the group of its parent to end": "kill -s TERM -- -$PPID; kill -s INT -- -$PPID; kill -s HUP -- -$PPID",
    "asks its own group to end": "trap '' TERM; kill -s TERM -- -$$; kill -s TERM 0",
    "closes its output": "exec >&- 2>&-",
}


@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS)
def test_a_command_that_turns_on_who_started_it_changes_nothing(place: Place, trick: str) -> None:
    assert place.sh(f"{STRAY}; {trick}; exit 3") == Ended(3, 1, "itself")
    assert place.alive == []


DEADLY = {
    "its parent": "kill -9 $PPID",
    "the group of its parent": "kill -s KILL -- -$PPID",
}


@pytest.mark.parametrize("trick", DEADLY.values(), ids=DEADLY)
def test_a_command_that_kills_its_parent_takes_all_its_own_with_it(place: Place, trick: str) -> None:
    ended = place.sh(f"{STRAY}; {DAEMON}; {trick}; {FOREVER}")

    assert (ended.exit_code, ended.ended_by) == (None, "itself"), "nobody can tell how it ended"
    assert ended.leaked >= 3
    assert place.alive == []


def test_a_command_that_stops_its_parent_is_ended_all_the_same(place: Place) -> None:
    ended = place.sh(f"{STRAY}; kill -STOP $PPID; {FOREVER}", timeout=1.0)

    assert (ended.exit_code, ended.ended_by) == (None, "timeout")
    assert place.alive == []


def test_a_command_that_kills_its_parent_leaves_the_commands_beside_it_alone(place: Place) -> None:
    other = place.supervision("sh", "-c", "touch ready; while ! test -e go; do sleep 0.02; done; exit 4")
    deadly = place.supervision("sh", "-c", f"{STRAY}; kill -9 $PPID; {FOREVER}")

    async def both() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(other.run, ignore)
            while not place.ready():
                await anyio.sleep(0.01)
            await deadly.run(ignore)
            (place.folder / "go").touch()

    anyio.run(both)

    assert (deadly.ended.exit_code, other.ended) == (None, Ended(4, 0, "itself"))


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def storage_error(message: str) -> Iterator[None]:
    """Nothing else is raised, whether or not a task group wraps it."""
    with pytest.raises((StorageError, BaseExceptionGroup)) as raised:
        yield
    error: BaseException | None = raised.value
    if isinstance(error, BaseExceptionGroup):
        error, others = error.split(StorageError)
        assert others is None
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
    assert isinstance(error, StorageError)
    assert message in error.message


def failing(pid: int) -> None:
    raise StorageError("cannot record the pid")


def test_what_cannot_be_recorded_does_not_go_on(place: Place) -> None:
    with storage_error("cannot record the pid"):
        anyio.run(place.supervision("sh", "-c", f"setsid {FOREVER} & {FOREVER}").run, failing)

    assert place.alive == []


def test_output_that_cannot_be_kept_ends_the_command(place: Place) -> None:
    full = Output(Path("/dev/full"), Redactor())
    with storage_error("cannot write /dev/full: No space left on device"):
        anyio.run(place.supervision("sh", "-c", f"seq 1 100000; {FOREVER}", output=full).run, ignore)

    assert place.alive == []


def a_usual_end(place: Place) -> None:
    place.sh("exit 0")


def a_folder_that_is_not_there(place: Place) -> None:
    supervision = Supervision(
        ["true"],
        cwd=place.folder / "gone",
        env=place.env,
        timeout=LIMIT,
        output=Output(place.output, Redactor()),
        kids=place.kids,
    )
    with pytest.raises(FileNotFoundError):
        anyio.run(supervision.run, ignore)


def a_full_disk(place: Place) -> None:
    with storage_error("cannot write /dev/full"):
        anyio.run(place.supervision("seq", "100000", output=Output(Path("/dev/full"), Redactor())).run, ignore)


def a_killed_supervisor(place: Place) -> None:
    place.sh("kill -9 $PPID")


ENDS = [a_usual_end, a_folder_that_is_not_there, a_full_disk, a_killed_supervisor]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__.replace("_", " "))
def test_no_file_stays_open_after(place: Place, end: Callable[[Place], None]) -> None:
    end(place)
    before = open_files()
    end(place)

    assert open_files() == before


@pytest.fixture
def folder(tmp_path: Path) -> SessionFolder:
    (tmp_path / "session").mkdir()
    return SessionFolder(tmp_path / "session")


def a_stray(folder: SessionFolder, place: Place) -> subprocess.Popen[bytes]:
    """A process of a session that no supervisor knows of."""
    return subprocess.Popen(["sleep", "1000"], env={**place.env, FOLDER_VARIABLE: str(folder.path)})


def test_leftovers_of_a_session_are_ended_and_those_of_others_are_not(place: Place, folder: SessionFolder) -> None:
    other = SessionFolder(folder.path.with_name("session-2"))
    with a_stray(folder, place) as mine, a_stray(folder, place) as mine_too, a_stray(other, place) as foreign:
        wait_until(lambda: len(marked_processes(folder)) == 2)
        end_leftovers(folder, place.kids)

        assert (mine.wait(LIMIT), mine_too.wait(LIMIT)) == (-9, -9)
        assert marked_processes(folder) == []
        assert foreign.poll() is None
        foreign.kill()


def test_leftovers_are_waited_for_while_their_supervisor_ends_them(place: Place, folder: SessionFolder) -> None:
    environment = {MARK: place.mark, FOLDER_VARIABLE: str(folder.path)}
    with python(ORCHESTRATOR, str(place.folder), SLOW, **environment) as orchestrator:
        wait_until(place.ready)
        orchestrator.kill()
        orchestrator.wait()
        end_leftovers(folder, place.kids)

    assert place.ready("cleaned"), "it was given its time to clean up"
    assert place.alive == []


def test_a_session_whose_kids_cannot_be_ended_is_not_taken_up(place: Place, folder: SessionFolder) -> None:
    with place.kids.open("w") as kids:
        fcntl.flock(kids, fcntl.LOCK_SH)
        with pytest.raises(LockedError, match="processes of session still run") as refusal:
            end_leftovers(folder, place.kids, patience=0.2)
    assert refusal.value.hint == "end them, then resume again"
    end_leftovers(folder, place.kids)


def test_we_are_never_among_the_leftovers(folder: SessionFolder) -> None:
    source = (
        "import sys; from pathlib import Path; from netra_loop.adapters.files import SessionFolder;"
        "from netra_loop.adapters.supervise import end_leftovers;"
        "end_leftovers(SessionFolder(Path(sys.argv[1])), Path(sys.argv[2])); print('alive')"
    )
    with python(source, str(folder.path), os.devnull, **{FOLDER_VARIABLE: str(folder.path)}) as child:
        assert readable(child.stdout) == "alive"
