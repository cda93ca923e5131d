"""Where the gallery's projects find their target: the real one, or the false one of the negative control."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from anyio.from_thread import start_blocking_portal

from netra_loop.adapters.falsetarget import FalseTargets, false_targets

SERVICES = ("api", "secure", "cache", "rpc", "down")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Target:
    """A `host:port` for each of SERVICES. `down` is one where nobody listens; the decoy is somebody else."""

    addresses: Mapping[str, str]
    decoy: str
    certificate: Path

    @property
    def env(self) -> dict[str, str]:
        """What a suite is told of it."""
        at = self.addresses
        return {
            "API_URL": f"http://{at['api']}",
            "API_WS_URL": f"ws://{at['api']}",
            "SECURE_URL": f"https://{at['secure']}",
            "SECURE_WS_URL": f"wss://{at['secure']}",
            "CA_FILE": str(self.certificate),
            "CACHE_ADDRESS": at["cache"],
            "RPC_ADDRESS": at["rpc"],
            "DOWN_URL": f"http://{at['down']}",
            "DECOY_URL": f"http://{self.decoy}",
        }

    def at(self, address: str) -> Target:
        """The same services, all of them at another address; the decoy stays where it is."""
        return Target(dict.fromkeys(SERVICES, address), self.decoy, self.certificate)


@contextmanager
def real_target(certificate: Path) -> Iterator[Target]:
    """The gallery's server in a process of its own. certificate: a file with key and certificate of localhost."""
    command = [sys.executable, "-m", "tests.gallery.server", str(certificate)]
    with (
        socket.socket() as closed,
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server,
    ):
        closed.bind(("127.0.0.1", 0))
        assert server.stdout and server.stdin
        ports = json.loads(server.stdout.readline())
        ports["down"] = closed.getsockname()[1]
        addresses = {name: f"{'localhost' if name == 'secure' else '127.0.0.1'}:{ports[name]}" for name in SERVICES}
        yield Target(addresses, f"127.0.0.1:{ports['decoy']}", certificate)
        server.stdin.close()


@contextmanager
def wrong_targets() -> Iterator[FalseTargets]:
    """The dead target and the sabotaged one."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(false_targets()) as targets:
        yield targets
