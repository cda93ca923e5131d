"""What the instance counts."""

from dataclasses import dataclass


@dataclass(slots=True)
class Metrics:
    """Counts since the instance started."""

    sessions: int = 0
    messages: int = 0
    websocket_connections: int = 0
    agent_runs_completed: int = 0
    agent_runs_failed: int = 0
