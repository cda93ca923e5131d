"""The platform's sessions: one live session for each user, in the memory of this process."""

from collections import Counter

from .errors import ApiError, unauthorized
from .logs import Log
from .tokens import Identity


class Sessions:
    """A later login of a user ends the earlier one."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._live: dict[str, str] = {}
        self._ended: set[str] = set()
        self._calls: Counter[str] = Counter()

    def open(self, identity: Identity) -> None:
        """Make this the live session of its user; once more changes nothing. An ended session is not opened again."""
        if identity.session in self._ended:
            raise self._refusal(identity)
        earlier = self._live.get(identity.user)
        if earlier == identity.session:
            return
        self._live[identity.user] = identity.session
        self._log.write("INFO", "session opened", user=identity.user)
        if earlier is not None:
            self._ended.add(earlier)
            self._log.write("WARNING", "session ended by a later login", user=identity.user)

    def check(self, identity: Identity) -> None:
        """Raises a 401 that says whether the session has ended or was never opened."""
        if identity.session in self._ended:
            raise self._refusal(identity)
        if self._live.get(identity.user) != identity.session:
            raise unauthorized("session_unknown", "this session was never opened; POST /api/sessions opens it")

    def count_call(self, session: str) -> int:
        """How many calls the session has made, this one included."""
        self._calls[session] += 1
        return self._calls[session]

    def _refusal(self, identity: Identity) -> ApiError:
        self._log.write("WARNING", "ended session refused", user=identity.user)
        return unauthorized("session_ended", "a later login of this user ended this session")
