"""Where we work, and how we show it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from netra_loop.adapters.files import State


class Progress(Enum):
    """How a session is shown. AUTO: live on a terminal, plain elsewhere. VERBOSE: plain with every handle."""

    AUTO = "auto"
    LIVE = "live"
    PLAIN = "plain"
    JSONL = "jsonl"
    VERBOSE = "verbose"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Place:
    """Where we work: the project, and the folder for everything of ours but the worklogs."""

    project: Path
    state: State
    progress: Progress = Progress.AUTO

    @property
    def worklogs(self) -> Path:
        return self.project / "worklogs"

    def worklog(self, session_id: str) -> Path:
        return self.worklogs / f"{session_id}.md"
