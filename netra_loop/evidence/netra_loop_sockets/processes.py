"""Which sockets belong to this process and its descendants, as far as ``/proc`` shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def socket_inodes_of_family() -> set[int]:
    """The inodes of all sockets this process and its living descendants hold; what cannot be read is left out."""
    return {inode for process in _family(os.getpid()) for inode in _socket_inodes(process)}


def _family(process: int) -> Iterator[int]:
    yield process
    children: list[str] = []
    with suppress(OSError):
        for thread in (_PROC / str(process) / "task").iterdir():
            children += (thread / "children").read_text().split()
    for child in children:
        yield from _family(int(child))


def _socket_inodes(process: int) -> Iterator[int]:
    with suppress(OSError):
        for descriptor in (_PROC / str(process) / "fd").iterdir():
            with suppress(OSError):
                kind, _, inode = str(descriptor.readlink()).partition(":")
                if kind == "socket":
                    yield int(inode.strip("[]"))
