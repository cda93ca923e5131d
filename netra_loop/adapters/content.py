"""What a service is made of: a digest that is the same as long as that is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from netra_loop.adapters.files import sha256_of
from netra_loop.core.target import Target

_LEFT_BEHIND = frozenset({".git", "__pycache__", ".venv", ".netra-loop", "worklogs"})  # no part of what is deployed


def content_of(target: Target, project: Path) -> str:
    """A digest of a target's image, or of every file of its source folder; empty for an image without a digest."""
    if target.image:
        return target.image.partition("@")[2]
    return digest_of(project / target.source)


def digest_of(root: Path) -> str:
    """A digest of every file below a folder, but for what git, Python and we keep there for ourselves."""
    lines = (f"{path.relative_to(root).as_posix()}\0{_told(path)}\n" for path in sorted(_files(root)))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        folders[:] = [name for name in folders if name not in _LEFT_BEHIND and name not in links]
        yield from (Path(folder, name) for name in (*names, *links))


def _told(path: Path) -> str:
    """Content and whether it may be run; a link by where it leads."""
    if path.is_symlink():
        return f"-> {path.readlink()}"
    return f"{sha256_of(path)} {os.access(path, os.X_OK)}" if path.is_file() else "no file"
