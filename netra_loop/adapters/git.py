"""What git says of the project; read only, with its hooks and file monitor off."""

from __future__ import annotations

import os
import re
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


def commits_between(project: Path, old: str, new: str) -> int | None:
    """How many commits lead from one to the other; None where git does not know them."""
    counted = _git(project, "rev-list", "--count", f"{old}..{new}", "--") if _are_commits(old, new) else None
    return int(counted) if counted is not None else None


def changed_files(project: Path, old: str, new: str) -> list[str] | None:
    """The files that differ between two commits, ours left aside; None where git does not know them."""
    names = ("diff", "--name-only", "--no-ext-diff", "-z", old, new, "--", ".", *_OURS)
    told = _git(project, *names) if _are_commits(old, new) else None
    return [name for name in told.split("\0") if name] if told is not None else None


def _are_commits(*texts: str) -> bool:
    """Whether these are ids of commits: another word could be an option, or the name of something else."""
    return all(re.fullmatch(r"[0-9a-f]{40}", text) for text in texts)


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
