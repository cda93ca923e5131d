"""The ports on which the server and its services are reached: each gets the one it had before, if that is free."""

import random
import socket
import sys

from netra_loop.localrun.http.wire import listen
from netra_loop.localrun.state.store import Store

KIND = "door"  # in the store
CONTROL_PLANE = "the control plane"
# Below the range from which the kernel takes the ports of outgoing connections, and outside that of the instances.
PORTS = range(30000, 32768)
TRIES = 50


class Doors:
    """Opens listening sockets by name, and remembers their ports in the store."""

    def __init__(self, store: Store) -> None:
        """Begins with what the store has. Raises ValueError when that is not ours to read."""
        self._store = store
        self._ports = {name: _port(document) for name, document in store.all(KIND).items()}

    def listen(self, name: str) -> socket.socket:
        """A socket that listens where it did before; elsewhere, which is said on stderr, when that is taken."""
        before = self._ports.get(name)
        listener = _listen_on(before)
        port = listener.getsockname()[1]
        if port != before:
            self._remember(name, port)
        if before not in (None, port):
            sys.stderr.write(f"port {before} of {name} is taken, it is at http://127.0.0.1:{port} now\n")
        return listener

    def forget(self, name: str) -> None:
        """Give up the port of a door."""
        self._ports.pop(name, None)
        self._store.remove(KIND, name)

    def forget_all_but(self, names: set[str]) -> None:
        """Give up the ports of all other doors."""
        with self._store.together():
            for name in self._ports.keys() - names:
                self.forget(name)

    def _remember(self, name: str, port: int) -> None:
        self._store.put(KIND, name, {"port": port})
        self._ports[name] = port


def _listen_on(before: int | None) -> socket.socket:
    """A listening socket, at the port before, else at one of PORTS, else at any that the kernel gives."""
    for port in ([] if before is None else [before]) + random.sample(PORTS, TRIES):
        try:
            return listen(port)
        except OSError:
            continue
    return listen()


def _port(document: dict[str, object]) -> int:
    port = document.get("port")
    if not isinstance(port, int) or not 0 < port < 65536:
        raise ValueError(f"{port!r} is no port")
    return port
