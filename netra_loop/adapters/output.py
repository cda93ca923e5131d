"""A command's output as an artifact: masked as it comes, bounded, its last lines always there."""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from netra_loop.adapters.files import SessionFolder, sha256_of
from netra_loop.adapters.redact import Redactor
from netra_loop.core.errors import StorageError
from netra_loop.core.problem import Evidence

EXCERPT_LINES, EXCERPT_BYTES = 50, 4096
OUTPUT_CAP = 8 * 1024 * 1024  # bytes of head kept of one command's output; the tail is kept beside it
TAIL_LINES = 200
HELD = 65536  # characters of a line, or of a private key, that wait for their end
OVERLAPS = (4096, 16384, 32768)  # how many of them are held back at the least, more where a secret would be cut
_KEY_END = re.compile(r"-----END [A-Z ]+-----")


class Output:
    """A command's output as an artifact: masked, its head up to a cap, its last lines always."""

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self.path = path
        self._redactor = redactor
        with self._kept():
            self._file: BinaryIO = path.open("wb")
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""
        self._written = 0
        self._dropped = 0
        self._digest = hashlib.sha256()
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)

    def feed(self, chunk: bytes) -> None:
        """Take what came; whole lines are written, a long line without an end in parts. Raises StorageError."""
        self._pending += self._decoder.decode(chunk)
        if b"\n" in chunk or len(self._pending) > HELD:
            ready = self._whole_lines() or (self._cut() if len(self._pending) > HELD else 0)
            self._keep(self._redactor.text(self._pending[:ready]))
            self._pending = self._pending[ready:]

    def _whole_lines(self) -> int:
        """Where the last whole line ends; a private key spans lines and can only be masked whole."""
        end = self._pending.rfind("\n") + 1
        begun = self._pending.rfind("-----BEGIN", 0, end)
        return end if begun < 0 or _KEY_END.search(self._pending, begun, end) else begun

    def _cut(self) -> int:
        """Where a long line is cut so that no secret is: what may be the begin of one waits for what follows."""
        masked = self._redactor.text(self._pending)
        for back in OVERLAPS:
            cut = len(self._pending) - back
            if self._redactor.text(self._pending[:cut]) + self._redactor.text(self._pending[cut:]) == masked:
                return cut
        return len(self._pending)

    def _keep(self, text: str) -> None:
        self._tail.extend(line[:EXCERPT_BYTES] for line in text.splitlines())
        data = text.encode("utf-8", "replace")
        self._digest.update(data)
        room = max(0, OUTPUT_CAP - self._written)
        with self._kept():
            self._file.write(data[:room])
        self._written += min(room, len(data))
        self._dropped += max(0, len(data) - room)

    def close(self) -> None:
        """Write what is pending; after a cut say what is missing, and the last lines. Raises StorageError."""
        if self._file.closed:
            return
        with self._kept(), self._file:
            self._pending += self._decoder.decode(b"", final=True)
            if self._pending:
                self._keep(self._redactor.text(self._pending) + "\n")
            if self._dropped:
                note = (
                    f"[{self._dropped} bytes cut here, sha256 of all {self._digest.hexdigest()}; the last lines follow]"
                )
                self._file.write("\n".join(("", note, *self._tail, "")).encode("utf-8", "replace"))

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(f"cannot write {self.path}: {error.strerror}", "free space, then resume") from error

    @property
    def is_cut(self) -> bool:
        """Whether less is kept than came."""
        return self._dropped > 0

    @property
    def last_lines(self) -> list[str]:
        """The last lines, masked; of a command that has ended its last words."""
        return list(self._tail)[-EXCERPT_LINES:]

    def evidence(self, title: str, folder: SessionFolder) -> Evidence:
        """The last lines as an excerpt, with the artifact's name and digest."""
        lines = self.last_lines
        excerpt = "\n".join(lines)[-EXCERPT_BYTES:]
        cut = self.is_cut or len(self._tail) > len(lines)
        return Evidence(title, excerpt, folder.reference(self.path), sha256_of(self.path), cut)
