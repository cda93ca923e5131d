"""What the Linux kernel tells anybody, without privileges, about TCP connections: peers, bytes, round trips.

It sees below every library and in every process of the network namespace, but names no process. Standard library
only, Python 3.9+. Where the kernel does not tell (macOS, gVisor, netlink refused), ``DestroyedSockets()`` raises
``OSError``. ``python -m netra_loop_sockets`` counts beside a suite of any language.
"""

from .connection import Connection
from .descriptors import own_connections
from .ledger import Ledger
from .netlink import SO_COOKIE, DestroyedSockets, live_connections
from .processes import socket_inodes_of_family
from .targets import Endpoint, Peer, Targets

__all__ = [
    "SO_COOKIE",
    "Connection",
    "DestroyedSockets",
    "Endpoint",
    "Ledger",
    "Peer",
    "Targets",
    "live_connections",
    "own_connections",
    "socket_inodes_of_family",
]
