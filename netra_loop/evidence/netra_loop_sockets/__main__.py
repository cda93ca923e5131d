"""Counts what the targets and this network namespace exchange while a suite of any language runs beside it.

``NETRA_LOOP_SOCKETS_TARGETS`` holds a JSON list of ``host:port``. The first line on standard output is
``{"ready": true, "available": bool}``; when standard input has ended a line follows with ``bytes_in`` and ``bytes_out``
(from and to targets), ``others`` (who else sent bytes from beyond this machine, as ``ip:port``, ten at most) and
``lost`` (whether bytes may be missing; true where the kernel does not tell at all).
"""

from __future__ import annotations

import ipaddress
import json
import os
import select
import sys
from typing import Any

from netra_loop_sockets import Connection, DestroyedSockets, Ledger, Targets, live_connections

_TARGETS = "NETRA_LOOP_SOCKETS_TARGETS"
_BEAT_MS = 200  # between two looks: the kernel keeps some thousand sockets for us
_LISTED = 10


class _Totals:
    """What was counted since the beginning."""

    def __init__(self, targets: Targets, destroyed: DestroyedSockets) -> None:
        self._targets = targets
        self._destroyed = destroyed
        self._ledger = Ledger()
        self._bytes_in = 0
        self._bytes_out = 0
        self._others: set[str] = set()
        self._lost = False
        for connection in live_connections():
            self._ledger.more(connection)

    def look(self) -> None:
        """Count the connections that ended."""
        freed, complete = self._destroyed.told()
        self._lost |= not complete
        for connection in freed:
            self._count(connection, *self._ledger.rest(connection))

    def finish(self) -> dict[str, Any]:
        """Count what is still open, too."""
        for connection in live_connections():
            self._count(connection, *self._ledger.more(connection))
        self.look()
        return _told(self._bytes_in, self._bytes_out, sorted(self._others)[:_LISTED], self._lost)

    def _count(self, connection: Connection, bytes_in: int, bytes_out: int) -> None:
        peer = self._targets.peer(connection.peer)
        if peer is not None and peer.target is not None:
            self._bytes_in += bytes_in
            self._bytes_out += bytes_out
        elif peer is not None and bytes_in and not ipaddress.ip_address(connection.peer[0]).is_loopback:
            self._others.add(peer.label)


def main() -> None:
    """Count until standard input ends."""
    targets = Targets(json.loads(os.environ[_TARGETS]))
    try:
        totals = _Totals(targets, DestroyedSockets())
    except OSError:
        _say({"ready": True, "available": False})
        sys.stdin.buffer.read()
        _say(_told(0, 0, [], lost=True))
        return
    _say({"ready": True, "available": True})
    while not _has_ended(sys.stdin.fileno()):
        totals.look()
    _say(totals.finish())


def _has_ended(descriptor: int) -> bool:
    readable, _, _ = select.select([descriptor], [], [], _BEAT_MS / 1000)
    return bool(readable) and not os.read(descriptor, 4096)


def _told(bytes_in: int, bytes_out: int, others: list[str], lost: bool) -> dict[str, Any]:
    return {"bytes_in": bytes_in, "bytes_out": bytes_out, "others": others, "lost": lost}


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
