"""Everything one instance keeps while it lives, shared by the HTTP and the WebSocket side."""

from dataclasses import dataclass, field

from .health import Dependency
from .logs import Log
from .sessions import InProcessSessions
from .settings import Settings
from .threads import Threads
from .tokens import Tokens

VERSION = "1.0.0"


@dataclass(slots=True)
class Metrics:
    """Counts since the instance started."""

    logins: int = 0
    messages: int = 0
    websocket_connections: int = 0
    agent_runs_completed: int = 0
    agent_runs_failed: int = 0


@dataclass(frozen=True, slots=True)
class Service:
    settings: Settings
    tokens: Tokens
    sessions: InProcessSessions
    dependencies: tuple[Dependency, ...]
    log: Log
    threads: Threads = field(default_factory=Threads)
    metrics: Metrics = field(default_factory=Metrics)
