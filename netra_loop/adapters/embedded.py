"""The embedded Cloud Run as others see it: a process that is started once, joined later, and spoken to over HTTP."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netra_loop.core.errors import PreflightError

START_PATIENCE = 20.0  # seconds
LOOK_AGAIN = 0.05  # seconds
BUSY = 75  # the server's exit code when another uses the folder
LOG = "server.log"
LOCK = "server.lock"  # in the state folder, held by its server
NEAR = 20  # addresses, the one asked for among them
_TOKEN_HEADER = "X-Netra-Local-Token"


class Taken(PreflightError):
    """Somebody else has what was asked for."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A server that answers. The token is what its own endpoints ask for before they change anything."""

    url: str
    token: str
    pid: int

    def status(self) -> dict[str, Any]:
        """Services, revisions, traffic, instances and backing processes as they are now."""
        return _ask("GET", f"{self.url}/_local/status", self.token)

    def audit(self) -> list[dict[str, Any]]:
        """Every change that was asked of it, in order."""
        entries: list[dict[str, Any]] = _ask("GET", f"{self.url}/_local/audit", self.token)["entries"]
        return entries

    def build(self, name: str, source: Path) -> str:
        """Make an immutable image of a source folder; its reference, pinned by digest. Raises PreflightError."""
        body = {"name": name, "source": str(source.resolve())}
        reference: str = _ask("POST", f"{self.url}/_local/build", self.token, body)["reference"]
        return reference

    def back(self, name: str, source: Path, address: str) -> str:
        """Have a server of a source folder listen; nothing changes when it does already. The address where it does.

        That is the address asked for, or one close above it while that is taken: another checkout of the same project
        may run its own. Raises PreflightError.
        """
        host, _, port = address.rpartition(":")
        near = [f"{host}:{number}" for number in range(int(port), min(int(port) + NEAR, 65536))]
        running = [each["address"] for each in self.status()["backing"] if each["name"] == name and each["alive"]]
        tried = [each for each in running if each in near] + near
        for each in tried:
            try:
                body = {"name": name, "source": str(source.resolve()), "address": each}
                told: str = _ask("POST", f"{self.url}/_local/backing", self.token, body)["address"]
            except Taken:
                continue
            return told
        raise PreflightError(f"{name}: {near[0]} to {near[-1]} are taken", "give the dependency another address")

    def faults(self) -> list[dict[str, Any]]:
        """The faults that are armed: kind, service, delay in seconds, and how many calls will still meet it."""
        armed: list[dict[str, Any]] = _ask("GET", f"{self.url}/_local/faults", self.token)["faults"]
        return armed

    def arm(self, kind: str, service: str, delay: float, times: int) -> None:
        """Have something go wrong; delay in seconds, an empty service stands for all. Raises PreflightError."""
        body = {"kind": kind, "service": service, "delay": f"{delay:g}s", "times": times}
        _ask("POST", f"{self.url}/_local/faults", self.token, body)

    def clear_faults(self) -> None:
        """Have nothing go wrong any more."""
        _ask("DELETE", f"{self.url}/_local/faults", self.token)

    def down(self) -> None:
        """Ask it to end; it ends its instances first."""
        _ask("POST", f"{self.url}/_local/down", self.token, {})


def join(state: Path) -> Embedded | None:
    """The server that runs with this state folder; None when none does.

    A killed one may have left its address behind, and that may be another's by now.
    """
    try:
        told = json.loads((state / "server.json").read_text(encoding="utf-8"))
        server = Embedded(told["url"], told["token"], int(told["pid"]))
        return server if server.status()["pid"] == server.pid else None
    except (OSError, ValueError, KeyError, TypeError, PreflightError):
        return None


def ensure_up(state: Path) -> Embedded:
    """Join the server, or start it. It outlives us on purpose. Raises PreflightError when it does not come up.

    A server that finds the folder in use ends at once: the one that uses it is about to answer, or about to end.
    """
    server = join(state)
    if server is not None:
        return server
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    process = _start(state)
    deadline = time.monotonic() + START_PATIENCE
    while time.monotonic() < deadline:
        server = join(state)
        if server is not None:
            _call_off(process, server)
            return server
        if process.poll() == BUSY:
            process = _start(state)
        elif process.poll() is not None:
            break
        time.sleep(LOOK_AGAIN)
    raise PreflightError("the embedded Cloud Run did not start", f"its words are in {state / LOG}")


def wait_down(state: Path, patience: float = 20.0) -> bool:
    """Whether the server of this state folder, and all that it ran, is gone within `patience` seconds."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with suppress(BlockingIOError), _held(state):
            return True
        time.sleep(LOOK_AGAIN)
    return False


def purge(state: Path) -> list[str]:
    """Delete what the servers of this folder keep, and return the names of that. Raises PreflightError while one runs.

    The lock stays: a server that starts meanwhile must find the same.
    """
    if not state.exists():
        return []
    try:
        with _held(state):
            kept = sorted(path for path in state.iterdir() if path.name != LOCK)
            for path in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    except BlockingIOError:
        raise PreflightError("the embedded Cloud Run was started again meanwhile", "`local down --purge`") from None
    return [path.name for path in kept]


def _start(state: Path) -> subprocess.Popen[bytes]:
    """-P: where we stand is the user's project, and its modules may be named like those of the standard library."""
    (state / LOG).touch(mode=0o600)
    with (state / LOG).open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "netra_loop.localrun", "--state", str(state)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _call_off(process: subprocess.Popen[bytes], server: Embedded) -> None:
    """End one that we started beside the server: it might come to serve when that has been ended."""
    if process.pid != server.pid:
        process.terminate()
        process.wait()


@contextmanager
def _held(state: Path) -> Iterator[None]:
    """Have the folder to ourselves. Raises BlockingIOError while a server uses it."""
    with (state / LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _ask(method: str, url: str, token: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    import httpx

    try:
        with httpx.Client(trust_env=False, verify=False, timeout=60.0) as client:  # no TLS: it would load certificates
            answer = client.request(method, url, json=body, headers={_TOKEN_HEADER: token})
        document: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise PreflightError(f"the embedded Cloud Run at {url} does not answer: {error}", "`local up`") from error
    if answer.status_code >= 400:
        refused = Taken if document.get("error", {}).get("status") == "ALREADY_EXISTS" else PreflightError
        raise refused(f"the embedded Cloud Run refused: {_message(document)}")
    return document


def _message(document: dict[str, Any]) -> str:
    error = document.get("error", document)
    return str(error.get("message", error) if isinstance(error, dict) else error)
