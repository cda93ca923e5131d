"""What a folder held before a program of somebody else ran beside it, so that it can be made that again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path


class Seal:
    """The regular files of a folder but one, in memory; for folders of a few megabytes."""

    def __init__(self, folder: Path, *, aside: str, last: str) -> None:
        """aside: the name of a file that does not count. last: of the one that, while it is missing, tells of a torn
        folder.
        """
        self._folder = folder
        self._aside = folder / aside
        self._last = folder / last
        self._files = {path: path.read_bytes() for path in self._found()}

    def restore(self) -> bool:
        """Have the folder hold that again; whether it did not. Killed in between, it lacks what is to be written last.

        Nothing is read through a link, and no more than what there was.
        """
        is_same = not self._folder.is_symlink() and set(self._found()) == set(self._files)
        if is_same and all(map(self._is_kept, self._files)):
            return False
        if not self._folder.is_symlink():
            self._last.unlink(missing_ok=True)
        remove(self._folder)
        for path in sorted(self._files, key=self._last.__eq__):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._files[path])
        return True

    def _found(self) -> Iterator[Path]:
        return (
            path for path in below(self._folder) if path != self._aside and (path.is_symlink() or not path.is_dir())
        )

    def _is_kept(self, path: Path) -> bool:
        content = self._files[path]
        regular = path.is_file() and not path.is_symlink()
        return regular and path.stat().st_size == len(content) and path.read_bytes() == content


def below(folder: Path) -> Iterator[Path]:
    """All files and folders in a folder, links among them; none is followed."""
    for here, folders, names in os.walk(folder):
        yield from (Path(here, name) for name in (*folders, *names))


def remove(path: Path) -> None:
    """Have nothing under a path; of a link only the link goes."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
