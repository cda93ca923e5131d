"""Keeps how far each connection was counted, so that every byte is counted once."""

from __future__ import annotations

from .connection import Connection


class Ledger:
    """What was seen of each connection so far, by its cookie."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, int]] = {}

    def __contains__(self, connection: Connection) -> bool:
        return connection.cookie in self._seen

    def more(self, connection: Connection) -> tuple[int, int]:
        """Bytes in and out since the connection was last seen, since it was opened if it never was."""
        before_in, before_out = self._seen.get(connection.cookie, (0, 0))
        self._seen[connection.cookie] = connection.bytes_in, connection.bytes_out
        return max(0, connection.bytes_in - before_in), max(0, connection.bytes_out - before_out)

    def rest(self, connection: Connection) -> tuple[int, int]:
        """The same for a connection that is gone and need not be remembered."""
        more = self.more(connection)
        del self._seen[connection.cookie]
        return more
