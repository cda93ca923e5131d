"""What git says of the project; read only, with its hooks and file monitor off."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from netra_loop.core.events import Git

_SAFE = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
_ENVIRONMENT = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
_OURS = (":(exclude)worklogs", ":(exclude).netra-loop")


def read_git(project: Path) -> Git | None:
    """Commit, branch and dirt of the project; None outside a repository, without a commit, or without git."""
    sha = _git(project, "rev-parse", "--verify", "HEAD")
    if sha is None:
        return None
    branch = _git(project, "rev-parse", "--abbrev-ref", "HEAD") or ""
    dirt = _git(project, "status", "--porcelain", "--untracked-files=normal", "--", ".", *_OURS)
    return Git(sha.strip(), branch.strip(), dirty=bool(dirt is None or dirt.strip()))


def _git(project: Path, *arguments: str) -> str | None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", *_SAFE, *arguments],
            cwd=project,
            env=inherited | _ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
