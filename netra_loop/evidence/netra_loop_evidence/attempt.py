"""What is known of one attempt at a test while it runs, and the facts it leaves."""

from __future__ import annotations

import sys
from typing import Any

from .sockets import Book
from .trail import Trail

_LISTED = 10

# Libraries that reach the network below Python's sockets, where no counter of ours sees them.
_BLIND = (
    "MySQLdb", "OpenSSL", "confluent_kafka", "curl_cffi", "gevent", "grpc", "oracledb", "primp", "psycopg",
    "psycopg2", "pycurl", "rloop", "rnet", "uvloop", "winloop", "zmq",
)  # fmt: skip


def blind_libraries() -> list[str]:
    """Those of them that have been imported."""
    return [library for library in _BLIND if library in sys.modules]


class Attempt:
    """One try of one test: its own book, what the wider fixtures it uses did, and what it asserted."""

    def __init__(self, trail: Trail) -> None:
        self.trail = trail
        self.own = Book()
        self.shared = Book()
        self.asserts = 0
        self.asserts_after = 0
        self.children = 0
        self.replaced: set[str] = set()
        self.kernel_was_on = False

    def count_assertion(self, file: str, line: int) -> None:
        """One more assertion held; an assertion made after a target's first byte may be about the answer."""
        after = self.own.bytes_in > 0
        self.asserts += 1
        self.asserts_after += after
        self.trail.assertion_held((file, line), after=after)

    def facts(self) -> dict[str, Any]:
        """The facts of a result, made of what JSON knows.

        ``bytes_in``, ``bytes_out``: from and to targets, in the call and the test's own fixtures; ``shared_bytes_in``:
        from targets to wider fixtures that the test uses; ``others``: who else sent bytes, as ``ip:port``; ``refused``:
        targets a connect failed for; ``unverified``: targets whose encrypted connections nobody verified for their host
        name; ``asserts``: own assertions that held; ``asserts_after``: those of them made after the first of
        ``bytes_in``; ``smells``: what its source and its run say against it; ``replaced``: transports that were;
        ``children``: processes started; ``blind``: imported libraries that no counter of Python sees; ``instruments``:
        who saw bytes from targets; ``unattributed``: bytes from targets that may be another's; ``visible``: whether no
        socket was out of sight; ``too_near``: public targets that answered faster than any can. Lists are sorted and
        end after ten.
        """
        return {
            "bytes_in": self.own.bytes_in,
            "bytes_out": self.own.bytes_out,
            "shared_bytes_in": self.shared.bytes_in,
            "others": sorted(self.own.others)[:_LISTED],
            "refused": sorted(self.own.refused),
            "unverified": sorted(self.own.unverified | self.shared.unverified)[:_LISTED],
            "asserts": self.asserts,
            "asserts_after": self.asserts_after,
            "smells": self.trail.smells(),
            "replaced": sorted(self.replaced)[:_LISTED],
            "children": self.children,
            "blind": blind_libraries(),
            "instruments": self._instruments(),
            "unattributed": self.own.unattributed + self.shared.unattributed,
            "visible": self._is_visible(),
            "too_near": sorted(self.own.too_near | self.shared.too_near),
        }

    def _instruments(self) -> list[str]:
        books = (self.own, self.shared)
        seen = {
            "kernel": any(book.kernel_bytes_in for book in books),
            "python": any(book.bytes_in > book.kernel_bytes_in for book in books),
        }
        return [name for name, has_seen in seen.items() if has_seen]

    def _is_visible(self) -> bool:
        doubtful = any(book.doubtful or book.unattributed for book in (self.own, self.shared))
        return self.kernel_was_on and not doubtful
