"""One local process tree under the supervisor: its output line by line, its end, and the order to end it."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

SUPERVISOR = Path(__file__).parents[2] / "supervisor.py"
LONGEST_LINE = 256 * 1024
BLOCK = 64 * 1024
KILLED = 137
PAGE = os.sysconf("SC_PAGE_SIZE")

LineReader = Callable[[str, str], None]


class Process:
    """A running command. Nothing of it outlives `stop`, nor this program, however that ends."""

    def __init__(
        self, supervisor: asyncio.subprocess.Process, control: int, status: asyncio.StreamReader, on_line: LineReader
    ) -> None:
        self._supervisor = supervisor
        self._control = control
        self._status = status
        self._ended = asyncio.create_task(self._follow(on_line))
        self.pid = 0

    @classmethod
    async def start(
        cls, argv: Sequence[str], env: Mapping[str, str], folder: Path, grace: float, on_line: LineReader
    ) -> "Process":
        """Start a command in a folder with exactly this environment.

        `on_line(stream, text)` gets every line of "stdout" and "stderr". From SIGTERM to SIGKILL it is `grace` seconds.
        """
        control_read, control_write = os.pipe()
        status_read, status_write = os.pipe()
        try:
            supervisor = await asyncio.create_subprocess_exec(
                *_supervised(argv, control_read, status_write, grace),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(control_read, status_write),
                start_new_session=True,
                cwd=folder,
                env=dict(env),
            )
        except BaseException:
            os.close(control_write)
            os.close(status_read)
            raise
        finally:
            os.close(control_read)
            os.close(status_write)
        process = cls(supervisor, control_write, await _pipe_reader(status_read), on_line)
        await process._begun()
        return process

    @property
    def root(self) -> int:
        """The process id of the supervisor, below which the whole tree is."""
        return self._supervisor.pid

    @property
    def alive(self) -> bool:
        """False once `wait` would return at once."""
        return not self._ended.done()

    async def wait(self) -> int:
        """The exit code, 128 + n after signal n, once nothing of the tree is left and its output is read."""
        return await asyncio.shield(self._ended)

    def then(self, call: Callable[[], None]) -> None:
        """Have something called once it has ended."""
        self._ended.add_done_callback(lambda _: call())

    async def stop(self) -> int:
        """SIGTERM, then SIGKILL after the grace; returns as `wait`."""
        self._let_go()
        return await self.wait()

    async def kill(self) -> int:
        """SIGKILL for the whole tree at once; returns as `wait`."""
        if self._control >= 0:
            os.write(self._control, b"K")
        return await self.wait()

    async def _begun(self) -> None:
        """Wait until the supervisor says which process it started."""
        try:
            self.pid = int(json.loads(await self._status.readline() or b"{}").get("pid", 0))
        except BaseException:
            await self.stop()
            raise

    def _let_go(self) -> None:
        if self._control >= 0:
            os.close(self._control)
            self._control = -1

    async def _follow(self, on_line: LineReader) -> int:
        assert self._supervisor.stdout is not None and self._supervisor.stderr is not None
        await asyncio.gather(
            read_lines(self._supervisor.stdout, lambda text: on_line("stdout", text)),
            read_lines(self._supervisor.stderr, lambda text: on_line("stderr", text)),
        )
        await self._supervisor.wait()
        self._let_go()
        last = (await self._status.read()).strip().rpartition(b"\n")[2]
        return int(json.loads(last or b"{}").get("exit", KILLED))


async def read_lines(stream: asyncio.StreamReader, on_line: Callable[[str], None]) -> None:
    """Hand on every line that is not empty until the stream ends; what exceeds LONGEST_LINE bytes is cut off."""
    line = bytearray()
    while block := await stream.read(BLOCK):
        *whole, rest = block.split(b"\n")
        for part in whole:
            line += part[: LONGEST_LINE - len(line)]
            _hand_on(line, on_line)
            line.clear()
        line += rest[: LONGEST_LINE - len(line)]
    _hand_on(line, on_line)


def memory_below(roots: Iterable[int]) -> dict[int, int]:
    """Bytes of memory that everything below each of these processes holds, by one look at /proc."""
    below: dict[int, list[int]] = {}
    held: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):  # it ended meanwhile
            fields = stat.read_text().rpartition(")")[2].split()
            pid = int(stat.parent.name)
            below.setdefault(int(fields[1]), []).append(pid)
            held[pid] = int(fields[21]) * PAGE

    def total(pid: int) -> int:
        return sum(held[child] + total(child) for child in below.get(pid, ()))

    return {root: total(root) for root in roots}


def memory_of_this_process() -> int:
    """Bytes of memory that this program holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def _hand_on(line: bytearray, on_line: Callable[[str], None]) -> None:
    text = line.decode("utf-8", "replace").rstrip("\r")
    if text:
        on_line(text)


def _supervised(argv: Sequence[str], control: int, status: int, grace: float) -> list[str]:
    return [sys.executable, "-I", "-S", str(SUPERVISOR), str(control), str(status), str(grace), "--", *argv]


async def _pipe_reader(descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb"))
    return reader
