"""Presence: who is in a room at this moment, and the note each of them shows."""

from dataclasses import dataclass

from .errors import ApiError


@dataclass(slots=True)
class Seat:
    room: str
    member: str
    note: str = ""


class Rooms:
    """A connection sits in at most one room, and nobody stays longer than their connection."""

    def __init__(self) -> None:
        self._seats: dict[str, Seat] = {}

    def join(self, connection: str, room: str, member: str) -> None:
        """Sit down in a room, with no note yet; any earlier seat of the connection is left."""
        self._seats[connection] = Seat(room, member)

    def leave(self, connection: str) -> None:
        self._seats.pop(connection, None)

    def note(self, connection: str, text: str) -> None:
        self._seat(connection).note = text

    def members(self, connection: str) -> dict[str, str]:
        """Each member of the connection's room with their note."""
        room = self._seat(connection).room
        return {seat.member: seat.note for seat in self._seats.values() if seat.room == room}

    def _seat(self, connection: str) -> Seat:
        if connection not in self._seats:
            raise ApiError(409, "not_in_a_room", "send a 'join' message with a room and a member first")
        return self._seats[connection]
