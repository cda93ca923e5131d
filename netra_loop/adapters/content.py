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
    """A digest of every file below a folder, but for what git, Python, tools and we keep there for ourselves."""
    lines = (f"{path.relative_to(root).as_posix()}\0{_told(path)}\n" for path in sorted(_files(root)))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def differing(one: Path, other: Path) -> list[str]:
    """The files that two folders do not share with the same content, what is never deployed left aside."""
    told = [{path.relative_to(root).as_posix(): _told(path) for path in _files(root)} for root in (one, other)]
    names = sorted({name for each in told for name in each})
    return [name for name in names if told[0].get(name) != told[1].get(name)]


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        folders[:] = [n for n in folders if n not in _LEFT_BEHIND and n not in links and not _is_cache(folder, n)]
        yield from (Path(folder, name) for name in (*names, *links))


def _is_cache(folder: str, name: str) -> bool:
    """Whether a tool has marked a folder as its cache, by the file that bford.info/cachedir tells of."""
    return Path(folder, name, "CACHEDIR.TAG").is_file()


def _told(path: Path) -> str:
    """Content and whether it may be run; a link by where it leads."""
    if path.is_symlink():
        return f"-> {path.readlink()}"
    return f"{sha256_of(path)} {os.access(path, os.X_OK)}" if path.is_file() else "no file"
