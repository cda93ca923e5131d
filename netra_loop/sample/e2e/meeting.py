"""How two suites that log in as their account meet, so that who logs in first is a rule and not a race.

The platform keeps one live session for each user: when two suites that run side by side were given one account, the
later login ends the earlier one's session. Which tests notice must not depend on which process is faster today, so the
suites meet in a room of the platform's presence feature: the first logs in, then the second, and only then does the
first go on. With an account each the same meeting harms nobody.

A suite may run alone: a peer that does not come, or leaves, is not waited for, and neither is anybody when the room
itself cannot be reached.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from websockets.exceptions import WebSocketException

from .client import Refused, Socket, open_socket, timeout

LOGGED_IN = "logged in"
POLL_S = 0.05
LONGEST_LOGIN_S = 60.0

Members = dict[str, str]
LogIn = Callable[[], str]


class Meeting:
    """One suite's presence in the room; without a connection it is there alone."""

    def __init__(self, socket: Socket | None) -> None:
        self._socket = socket

    def log_in_before(self, peer: str, log_in: LogIn) -> str:
        """Log in, and return the token when the peer has logged in after that."""
        token = log_in()
        self._say_logged_in()
        self._await_login_of(peer)
        return token

    def log_in_after(self, peer: str, log_in: LogIn) -> str:
        """Log in when the peer has, and return the token."""
        self._await_login_of(peer)
        token = log_in()
        self._say_logged_in()
        return token

    def _say_logged_in(self) -> None:
        self._ask(type="note", text=LOGGED_IN)

    def _await_login_of(self, peer: str) -> None:
        patience = timeout("PEER", "5")
        if self._wait(lambda members: peer in members, patience):
            self._wait(lambda members: members.get(peer, LOGGED_IN) == LOGGED_IN, LONGEST_LOGIN_S)

    def _wait(self, reached: Callable[[Members], bool], limit_s: float) -> bool:
        """Whether that came true within so many seconds; False at once where there is no room to look into."""
        deadline = time.monotonic() + limit_s
        while (members := self._members()) and time.monotonic() < deadline:
            if reached(members):
                return True
            time.sleep(POLL_S)
        return False

    def _members(self) -> Members:
        members: Members = self._ask(type="members").get("members", {})
        return members

    def _ask(self, **message: object) -> dict[str, Members]:
        try:
            return self._socket.ask(**message) if self._socket else {}
        except (OSError, WebSocketException):
            self._socket = None
            return {}


@contextmanager
def present_as(suite: str) -> Iterator[Meeting]:
    """Be in the room of this session, seen by the peers until the block ends."""
    with ExitStack() as stack:
        yield Meeting(enter_room(stack, suite))


def enter_room(stack: ExitStack, suite: str) -> Socket | None:
    """A connection that is in the room until the stack closes it; None when the room cannot be reached."""
    room = f"e2e-{os.environ.get('NETRA_LOOP_SESSION_ID', 'by-hand')}"
    try:
        socket = stack.enter_context(open_socket())
        socket.receive()
        socket.ask(type="join", room=room, member=suite)
    except (OSError, WebSocketException, Refused):
        return None
    return socket
