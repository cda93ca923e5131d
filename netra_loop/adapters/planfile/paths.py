"""Paths that plans and configuration name: they lead to something, and not out of the folder they belong to."""

from __future__ import annotations

from pathlib import Path

from netra_loop.adapters.planfile.suggest import did_you_mean, nearest
from netra_loop.adapters.planfile.values import Wrong
from netra_loop.adapters.planfile.yamldocument import quoted


def folder_below(base: Path, written: str) -> Path:
    """The folder written relative to base. Raises Wrong when it is none, or not below base."""
    path = path_below(base, written)
    if not path.is_dir():
        raise Wrong(f"{quoted(written)} is not a folder")
    return path


def path_below(base: Path, written: str) -> Path:
    """The file or folder written relative to base. Raises Wrong when there is none, or it is not below base."""
    path = base / written
    try:
        if not path.resolve().is_relative_to(base.resolve()):
            raise Wrong(f"{quoted(written)} leads out of the folder it is relative to")
        if not path.exists():
            raise Wrong(f"{quoted(written)} does not exist", _nearest(path))
    except OSError as error:
        raise Wrong(f"{quoted(written)} cannot be read: {error.strerror}") from error
    return path


def output_below(project: Path, folder: Path, written: str) -> None:
    """Whether a command may leave a file there, which need not exist. Raises Wrong outside the project."""
    path = folder / written
    if not path.resolve().is_relative_to(project.resolve()):
        raise Wrong(f"{quoted(written)} leads out of the project")
    if path.is_dir():
        raise Wrong(f"{quoted(written)} is a folder")


def _nearest(path: Path) -> str:
    """A suggestion from the names that are where the path leads."""
    if not path.parent.is_dir():
        return ""
    return did_you_mean(nearest(path.name, (each.name for each in path.parent.iterdir())))
