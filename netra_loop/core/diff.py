"""A diff as git writes it, taken apart: which files, of which kind, and what every line of them becomes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_FILE = re.compile(r'^diff --git (?:"a/((?:[^"\\]|\\.)*)"|a/(.*)) (?:"b/((?:[^"\\]|\\.)*)"|b/(.*))$')
_HUNK = re.compile(r"^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@ ?(.*)$")
_MODE = re.compile(r"^(old|new|deleted file|new file) mode (\d{6})$")
_INDEX = re.compile(r"^index [0-9a-f]+\.\.[0-9a-f]+(?: (\d{6}))?$")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"r": b"\r", b"v": b"\v"}


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that follow each other, each with ` `, `-` or `+` before it. within: what git says they are in."""

    within: str
    lines: tuple[str, ...]

    @property
    def removed(self) -> tuple[str, ...]:
        return tuple(line[1:] for line in self.lines if line.startswith("-"))

    @property
    def added(self) -> tuple[str, ...]:
        return tuple(line[1:] for line in self.lines if line.startswith("+"))


@dataclass(frozen=True, slots=True)
class FileChange:
    """What becomes of a file. Modes as git has them, empty where there is no file; the path is relative and safe."""

    path: str
    old_mode: str = ""
    new_mode: str = ""
    is_binary: bool = False
    hunks: tuple[Hunk, ...] = ()

    @property
    def removed(self) -> tuple[str, ...]:
        return tuple(line for hunk in self.hunks for line in hunk.removed)

    @property
    def added(self) -> tuple[str, ...]:
        return tuple(line for hunk in self.hunks for line in hunk.added)


def changes_in(diff: str) -> tuple[FileChange, ...]:
    """The files of a diff that `git diff --binary --no-renames --full-index` wrote; none in an empty one.

    Raises ValueError for anything else, for one that is cut, and for a path that leads out of the tree.
    """
    lines = diff.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return tuple(_Reader(lines).files())


@dataclass(slots=True)
class _Reader:
    lines: list[str]
    place: int = 0

    def files(self) -> Iterator[FileChange]:
        while self.place < len(self.lines):
            yield self._file()

    def _next(self) -> str:
        """The line at the place, empty behind the last."""
        return self.lines[self.place] if self.place < len(self.lines) else ""

    def _file(self) -> FileChange:
        match = _FILE.match(self._next())
        if match is None:
            raise ValueError(f"line {self.place + 1} of the diff begins no file: {self._next()[:80]!r}")
        path, modes, is_binary, hunks = _path(match), _Modes(), False, []
        self.place += 1
        while self.place < len(self.lines) and not self._next().startswith("diff --git "):
            line = self._next()
            if (hunk := _HUNK.match(line)) is not None:
                hunks.append(self._hunk(hunk))
            elif line.startswith(("GIT binary patch", "Binary files ")):
                is_binary = True
                self._skip_binary()
            elif modes.read(line) or _names(line, path):
                self.place += 1
            else:
                raise ValueError(f"line {self.place + 1} of the diff is none of git's: {line[:80]!r}")
        return FileChange(path, modes.old, modes.new, is_binary, tuple(hunks))

    def _hunk(self, head: re.Match[str]) -> Hunk:
        old, new = int(head[1] or 1), int(head[2] or 1)
        self.place += 1
        begin = self.place
        while old > 0 or new > 0:
            mark = self._next()[:1]
            if mark not in (" ", "-", "+", "\\") or self.place >= len(self.lines):
                raise ValueError(f"line {self.place + 1} of the diff: a hunk is cut")
            old -= mark in (" ", "-")
            new -= mark in (" ", "+")
            self.place += 1
        lines = self.lines[begin : self.place]
        if self._next().startswith("\\"):
            self.place += 1
        return Hunk(head[3], tuple(line for line in lines if not line.startswith("\\")))

    def _skip_binary(self) -> None:
        while self.place < len(self.lines) and not self._next().startswith("diff --git "):
            self.place += 1


@dataclass(slots=True)
class _Modes:
    old: str = field(default="")
    new: str = field(default="")

    def read(self, line: str) -> bool:
        """Whether a line tells modes, which are kept."""
        if (match := _MODE.match(line)) is not None:
            if match[1] in ("old", "deleted file"):
                self.old = match[2]
            else:
                self.new = match[2]
            return True
        if (match := _INDEX.match(line)) is None:
            return False
        if match[1]:
            self.old = self.new = match[1]
        return True


def _path(match: re.Match[str]) -> str:
    """The one path of a file that is not renamed. Raises ValueError for two, and for one that is not below the tree."""
    old = match[2] if match[2] is not None else _unquoted(match[1])
    new = match[4] if match[4] is not None else _unquoted(match[3])
    parts = new.split("/")
    if old != new:
        raise ValueError(f"the diff renames {old!r} to {new!r}")
    if not new or new.startswith("/") or any(part in ("", ".", "..") for part in parts) or not new.isprintable():
        raise ValueError(f"the diff has a path that is not below the project: {new!r}")
    return new


def _names(line: str, path: str) -> bool:
    """Whether a line names the file again, or that there is none; `git apply` believes this line, not the first."""
    side, name = line[:4], line[4:].removesuffix("\t")
    if name.startswith('"') and name.endswith('"'):
        name = _unquoted(name[1:-1])
    return {"--- ": f"a/{path}", "+++ ": f"b/{path}"}.get(side) == name or (
        side in ("--- ", "+++ ") and name == "/dev/null"
    )


def _unquoted(path: str) -> str:
    """A path without git's quotes, which write every byte beyond ASCII in octal."""
    plain = _ESCAPE.sub(
        lambda m: bytes([int(m[1], 8) & 255]) if m[1].isdigit() else _LETTERS.get(m[1], m[1]), path.encode()
    )
    return plain.decode("utf-8", "surrogateescape")
