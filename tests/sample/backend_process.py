"""Starts the sample backend the way its Procfile says, from a copy of its folder, and leaves nothing running."""

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

import httpx

from .environment import bare_environment

SOURCE = Path(__file__).parents[2] / "netra_loop" / "sample" / "backend"
START_LIMIT_S = 15
STOP_LIMIT_S = 5


@dataclass(frozen=True)
class Backend:
    url: str
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def ws_url(self) -> str:
        return self.url.replace("http://", "ws://", 1)

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        """Asks it to end and waits for that; raises when it does not."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_LIMIT_S)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def web_command(folder: Path) -> str:
    kind, _, command = (folder / "Procfile").read_text().partition(":")
    assert kind == "web"
    return command.strip()


def await_start(backend: Backend) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while not backend.answers():
        if backend.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the backend did not start:\n{backend.log.read_text()}")
        time.sleep(0.02)


@contextmanager
def running_backend(folder: Path, **environment: str) -> Iterator[Backend]:
    """A backend with its own copy of the source in `folder`, ready to answer."""
    snapshot = shutil.copytree(SOURCE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    port = free_port()
    log = folder / "stdout.log"
    command = ["/bin/sh", "-c", f"exec {web_command(snapshot)}"]
    env = bare_environment(PORT=str(port), **environment)
    with (
        log.open("wb") as out,
        subprocess.Popen(command, cwd=snapshot, env=env, stdout=out, stderr=sys.stderr) as process,
    ):
        backend = Backend(f"http://127.0.0.1:{port}", log, process)
        try:
            await_start(backend)
            yield backend
            backend.stop()
        finally:
            process.kill()
