"""Everything one instance keeps while it lives, shared by the HTTP and the WebSocket side."""

from dataclasses import dataclass, field

from .health import Dependency
from .logs import Log
from .metrics import Metrics
from .rooms import Rooms
from .runs import Runs
from .sessions import Sessions
from .settings import Settings
from .store import SessionStore
from .threads import Threads
from .tokens import Identity, Tokens

VERSION = "1.0.0"


@dataclass(frozen=True, slots=True)
class Service:
    settings: Settings
    tokens: Tokens
    sessions: Sessions
    store: SessionStore
    dependencies: tuple[Dependency, ...]
    runs: Runs
    metrics: Metrics
    threads: Threads = field(default_factory=Threads)
    rooms: Rooms = field(default_factory=Rooms)

    def identify(self, token: str) -> Identity:
        """Who the token speaks for, in a session that is live; anything else is a 401."""
        identity = self.tokens.read(token)
        self.sessions.check(identity)
        return identity


def build_service(settings: Settings) -> Service:
    """A service that nobody has called yet."""
    log = Log(settings.project)
    store = SessionStore(settings.session_store, log)
    metrics = Metrics()
    return Service(
        settings=settings,
        tokens=Tokens(settings.token_key),
        sessions=Sessions(log),
        store=store,
        dependencies=(Dependency("sessions", required=False, ping=store.ping),),
        runs=Runs(settings, log, metrics),
        metrics=metrics,
    )
