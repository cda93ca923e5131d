"""Backing processes: servers that services depend on, each at the loopback address that was asked for."""

import asyncio
import re
import socket
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from netra_loop.localrun.errors import ApiError, aborted, already_exists, failed_precondition, invalid
from netra_loop.localrun.runtime.images import Image
from netra_loop.localrun.runtime.launch import basic_environment, procfile_command
from netra_loop.localrun.runtime.ports import Ports
from netra_loop.localrun.runtime.probe import listens, succeeds
from netra_loop.localrun.runtime.process import Process

NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")  # it becomes the name of a file
ADDRESS = re.compile(r"(?:127\.0\.0\.1|localhost):([0-9]{4,5})")
PORTS = range(1024, 65536)
START_PATIENCE = 20.0  # seconds
LARGEST_LOG = 1024 * 1024  # bytes
LAST_WORDS, LONGEST_WORD = 5, 300  # lines of stderr in an error, and characters of each


@dataclass(frozen=True, slots=True)
class Wanted:
    """A backing process as it was asked for; the port is one of 127.0.0.1."""

    name: str
    image: Image
    port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Backing:
    """A backing process that was started; it may have ended since."""

    wanted: Wanted
    process: Process


@dataclass(slots=True)
class Backings:
    """All backing processes; `folder` gets a log of each, `grace` and `patience` are in seconds."""

    folder: Path
    grace: float
    patience: float = START_PATIENCE
    ports: Ports = field(default_factory=Ports)
    _known: dict[str, Backing] = field(init=False, default_factory=dict)
    _turn: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    _change: asyncio.Task[Backing] | None = field(init=False, default=None)
    _closed: bool = field(init=False, default=False)

    async def ensure(self, wanted: Wanted) -> Backing:
        """Have a process listen as it is wanted: the one that does already, else a new one in place of the old.

        One change follows another, so that requests that are alike start one process. Raises ALREADY_EXISTS when the
        address is somebody else's, and FAILED_PRECONDITION when the process does not come to listen on it.
        """
        async with self._turn:
            if self._closed:
                raise aborted("The server is about to end.")
            self._change = asyncio.create_task(self._ensure(wanted))
            return await self._change

    async def stop(self) -> None:
        """Stop every process and start none from now on."""
        self._closed = True
        if self._change is not None:
            self._change.cancel()
            await asyncio.wait({self._change})
        await asyncio.gather(*(backing.process.stop() for backing in self._known.values()))

    def all(self) -> list[Backing]:
        """Those that were started and not replaced, by name."""
        return [self._known[name] for name in sorted(self._known)]

    async def _ensure(self, wanted: Wanted) -> Backing:
        current = self._known.get(wanted.name)
        if current is not None and current.wanted == wanted and await self._listens(current):
            return current
        self._require_unclaimed(wanted)
        if current is None or current.wanted.port != wanted.port or not current.process.alive:
            _require_free(wanted)
        if current is not None:
            await current.process.stop()
            del self._known[wanted.name]
        return await self._start(wanted)

    async def _start(self, wanted: Wanted) -> Backing:
        if not self.ports.reserve(wanted.port):
            raise _taken(wanted)
        log = Log(self.folder / f"{wanted.name}.log")
        env = basic_environment() | {"PORT": str(wanted.port)}
        argv = procfile_command(wanted.image)
        start = Process.start(argv, env, wanted.image.folder, self.grace, log.append)
        process = await self.ports.lend(wanted.port, start)
        backing = Backing(wanted, process)
        try:
            if not await self._listens(backing):
                raise await self._not_started(backing, log)
        except BaseException:
            await process.stop()
            raise
        self._known[wanted.name] = backing
        return backing

    async def _listens(self, backing: Backing) -> bool:
        """Whether it accepts connections, or comes to do so in time; False at once when it ends."""
        return await succeeds(listens(backing.wanted.port, time.monotonic() + self.patience), backing.process)

    async def _not_started(self, backing: Backing, log: "Log") -> ApiError:
        name, address = backing.wanted.name, backing.wanted.address
        if backing.process.alive:
            problem = f"{name} did not listen on {address} within {self.patience:g} seconds"
            await backing.process.stop()  # its last words may come as it ends
        else:
            problem = f"{name} ended with exit code {await backing.process.wait()} before it listened on {address}"
        words = " | ".join(log.last_words) or "none"
        return failed_precondition(f"{problem}; its last words on stderr: {words}; all of them are in {log.path}")

    def _require_unclaimed(self, wanted: Wanted) -> None:
        for other in self._known.values():
            if other.wanted.port == wanted.port and other.wanted.name != wanted.name:
                raise already_exists(
                    f"{wanted.address} is the address of {other.wanted.name}; give {wanted.name} another, "
                    "or end the local environment when its declaration has changed"
                )


class Log:
    """The lines a process wrote, appended to a file of its own; what exceeds LARGEST_LOG bytes is dropped."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self.path = path
        self.last_words: deque[str] = deque(maxlen=LAST_WORDS)
        self._left = LARGEST_LOG - (path.stat().st_size if path.exists() else 0)

    def append(self, stream: str, text: str) -> None:
        """Note a line of "stdout" or "stderr"; that the disk is full does not hinder the process."""
        if stream == "stderr":
            self.last_words.append(text[:LONGEST_WORD])
        line = f"{text}\n".encode()
        self._left -= len(line)
        if self._left >= 0:
            with suppress(OSError), self.path.open("ab") as file:
                file.write(line)


def read_name(text: str) -> str:
    """The name of a backing process. Raises INVALID_ARGUMENT."""
    if not NAME.fullmatch(text):
        raise invalid(f"name: '{text}' must be at most 63 lower case letters, digits, '.', '_' or '-'")
    return text


def read_port(address: str) -> int:
    """The port of a loopback address such as `127.0.0.1:6379`. Raises INVALID_ARGUMENT."""
    found = ADDRESS.fullmatch(address)
    if found is None or int(found[1]) not in PORTS:
        raise invalid(
            f"address: '{address}' must be 127.0.0.1 or localhost and a port from 1024 to 65535, such as 127.0.0.1:6379"
        )
    return int(found[1])


def _require_free(wanted: Wanted) -> None:
    """Refuse an address on which somebody listens; connections to it that only linger are in nobody's way."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted.port))
        except OSError:
            raise _taken(wanted) from None


def _taken(wanted: Wanted) -> ApiError:
    return already_exists(f"{wanted.address} is taken by another process; give the dependency another address")
