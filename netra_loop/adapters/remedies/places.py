"""What a folder holds, told in one word, so that nobody changes it unnoticed; and how it is emptied."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


def state_of(folder: Path) -> str:
    """A digest of all files below a folder, their names and kinds; nothing is read through a link."""
    digest = hashlib.sha256(repr(folder.is_symlink()).encode())
    for path in sorted(below(folder)):
        kind = "link" if path.is_symlink() else "file" if path.is_file() else "other"
        content = hashlib.sha256(path.read_bytes()).hexdigest() if kind == "file" else ""
        digest.update(repr((str(path), kind, content)).encode())
    return digest.hexdigest()


def below(folder: Path) -> Iterator[Path]:
    """All files and folders in a folder, links among them; none is followed."""
    for here, folders, names in os.walk(folder):
        yield from (Path(here, name) for name in (*folders, *names))


def links_out_of(folder: Path) -> list[Path]:
    """The links below a folder that lead, in the end, to somewhere else."""
    top = folder.resolve()
    return sorted(path for path in below(folder) if path.is_symlink() and not path.resolve().is_relative_to(top))


def remove(path: Path) -> None:
    """Have nothing under a path; of a link only the link goes."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
