"""Files that are whole at every moment, and the folders of a project's sessions."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from netra_loop.core.errors import StorageError, UsageError

SESSION_ID = re.compile(r"[a-z0-9][a-z0-9-]{2,99}")
_TIME = re.compile(r"-(\d{4}-\d{2}-\d{2}-\d{6})(?:-(\d+))?$")
_PREFIX = "ultimate-test-deploy-loop"


def write_whole(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace a file: readers see the old or the new content, also after a power cut. Raises StorageError."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise StorageError(
            f"cannot write {path}: {error.strerror}", "free space or permissions, then resume"
        ) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """The file's digest in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class State:
    """The folder `.netra-loop/` of a project (or --state-dir), 0700, ignored by git."""

    root: Path

    def prepare(self) -> None:
        """Create it if it is not there. Raises StorageError."""
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.root.chmod(0o700)
            for name in ("sessions", "locks"):
                (self.root / name).mkdir(exist_ok=True)
            ignore = self.root / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="ascii")
        except OSError as error:
            hint = "name another folder with --state-dir"
            raise StorageError(f"cannot use {self.root}: {error.strerror}", hint) from error

    @property
    def locks(self) -> Path:
        return self.root / "locks"

    @property
    def local(self) -> Path:
        return self.root / "local"

    @property
    def pycache(self) -> Path:
        return self.root / "pycache"

    @property
    def control(self) -> Path:
        """What negative controls said, for as long as the same tests would say the same."""
        return self.root / "control"

    @property
    def history(self) -> Path:
        """The index over all journals; it can be deleted at any time."""
        return self.root / "history.db"

    def session(self, session_id: str) -> SessionFolder:
        """The folder of a session that exists or is about to. Raises UsageError for an id that is none."""
        if not SESSION_ID.fullmatch(session_id):
            raise UsageError(f"not a session id: {session_id!r}", "`sessions list` shows them")
        return SessionFolder(self.root / "sessions" / session_id)

    def new_session(self, focus: str, at: datetime) -> SessionFolder:
        """Create the folder of a new session; its name carries focus and time, -2, -3 ... if that is taken."""
        base = session_id(focus, at)
        for number in range(1, 1000):
            folder = self.session(base if number == 1 else f"{base}-{number}")
            try:
                folder.path.mkdir(mode=0o700)
                folder.artifacts.mkdir()
            except FileExistsError:
                continue
            except OSError as error:
                raise StorageError(f"cannot create {folder.path}: {error.strerror}") from error
            return folder
        raise StorageError(f"too many sessions named {base}")

    def session_ids(self) -> list[str]:
        """Every session that was opened, the oldest first."""
        from netra_loop.adapters.journal import is_begun

        found = [path.parent.name for path in (self.root / "sessions").glob("*/journal.db") if is_begun(path)]
        return sorted((name for name in found if SESSION_ID.fullmatch(name)), key=_age)

    def find_session(self, word: str) -> SessionFolder:
        """The session named by its id, a unique prefix, or `last`. Raises UsageError otherwise."""
        known = self.session_ids()
        if not known:
            raise UsageError("there is no session yet", "`run` makes one")
        if word == "last":
            return self.session(known[-1])
        matches = [name for name in known if name == word] or [name for name in known if word and name.startswith(word)]
        if len(matches) != 1:
            what = "no session" if not matches else f"{len(matches)} sessions"
            raise UsageError(f"{what} named {word!r}", f"known are: {', '.join((matches or known)[-10:])}")
        return self.session(matches[0])


@dataclass(frozen=True, slots=True)
class SessionFolder:
    """Everything that is kept of one session."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def journal(self) -> Path:
        return self.path / "journal.db"

    @property
    def result(self) -> Path:
        return self.path / "result.json"

    @property
    def bench(self) -> Path:
        """Where remedies change code; what is worth keeping of it is a branch and diffs elsewhere."""
        return self.path / "bench"

    @property
    def issues(self) -> Path:
        """What is left to do for a person, ready for an issue tracker."""
        return self.path / "issues.md"

    @property
    def lock(self) -> Path:
        """Held by whoever runs the session."""
        return self.path / "session.lock"

    @property
    def kids(self) -> Path:
        """Held, shared, by everything the session has started."""
        return self.path / "kids.lock"

    @property
    def artifacts(self) -> Path:
        return self.path / "artifacts"

    def artifact_folder(self, act_id: str, attempt: int) -> Path:
        """A fresh place for what one attempt of an act writes; an attempt never sees the files of another."""
        folder = self.artifacts / act_id.replace("/", "-") / str(attempt)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def reference(self, path: Path) -> str:
        """How the journal names an artifact: relative to the session's folder."""
        return path.relative_to(self.path).as_posix()


def _age(session: str) -> tuple[str, int, str]:
    """Sorts ids by the time they carry, then by the number that a collision added."""
    match = _TIME.search(session)
    return (match[1], int(match[2] or 1), session) if match else ("", 0, session)


def session_id(focus: str, at: datetime) -> str:
    """`ultimate-test-deploy-loop-<focus>-<date>-<time>`, focus lower-cased, other characters to -, cut to 40."""
    word = re.sub(r"[^a-z0-9]+", "-", focus.lower()).strip("-")[:40].strip("-") or "all"
    return f"{_PREFIX}-{word}-{at:%Y-%m-%d-%H%M%S}"
