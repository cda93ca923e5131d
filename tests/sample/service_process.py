"""Starts the sample's services as their Procfiles say, from copies of their folders, and leaves nothing running."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .environment import bare_environment

SAMPLE = Path(__file__).parents[2] / "netra_loop" / "sample"
START_LIMIT_S = 30
STOP_LIMIT_S = 15


@dataclass(frozen=True)
class Running:
    """One service that answers; its log is what it wrote to standard output."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def ws_url(self) -> str:
        return f"ws://{self.address}"

    @property
    def log_lines(self) -> list[dict[str, Any]]:
        """Every line that is written whole."""
        whole = self.log.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def stop(self) -> int:
        """Asks it to end and waits for that; the exit code, and an exception when it does not end."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_LIMIT_S)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def web_command(folder: Path) -> str:
    kind, _, command = (folder / "Procfile").read_text().partition(":")
    assert kind == "web"
    return command.strip()


def await_start(service: Running) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while not service.listens():
        if service.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the service did not start:\n{service.log.read_text()}")
        time.sleep(0.02)


@contextmanager
def running(service: str, folder: Path, **environment: str) -> Iterator[Running]:
    """The service with its own copy of its source in `folder`, ready to answer."""
    source = shutil.copytree(SAMPLE / service, folder / service, ignore=shutil.ignore_patterns("__pycache__"))
    port = free_port()
    log = folder / f"{service}.log"
    command = ["/bin/sh", "-c", f"exec {web_command(source)}"]
    env = bare_environment(PORT=str(port), **environment)
    with (
        log.open("wb") as out,
        subprocess.Popen(command, cwd=source, env=env, stdout=out, stderr=sys.stderr) as process,
    ):
        try:
            started = Running(port, log, process)
            await_start(started)
            yield started
        finally:
            process.terminate()
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
