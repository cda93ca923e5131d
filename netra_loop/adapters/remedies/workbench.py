"""A session's own copy of the project's commit, in git of its own: code is changed there, never in the user's tree."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from netra_loop.adapters.files import SessionFolder, write_whole
from netra_loop.adapters.remedies.places import below, links_out_of, remove, state_of
from netra_loop.core.errors import LoopError

BRANCH = "netra-loop/"
MOST_BYTES = 10 * 1024 * 1024  # of a diff
TIMEOUT = 120.0  # seconds for one command of git
AGENT_FILES = (  # what coding agents read for instructions, in any folder, and would obey
    *("CLAUDE.md", "AGENTS.md", "GEMINI.md", ".claude", ".codex", ".cursor", ".cursorrules", ".gemini", ".mcp.json"),
    *("CLAUDE.local.md", ".aider*", ".clinerules", ".windsurfrules", ".github/copilot-instructions.md"),
)
_NAME, _MAIL = "ultimate-test-deploy-loop", "noreply@localhost"
_QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never")
_DIFF = ("--binary", "--no-renames", "--full-index", "--no-ext-diff", "--no-textconv", "--no-color")


class WorkbenchError(LoopError):
    """The copy cannot be made or changed; the user's repository is as it was."""

    exit_code = 74


class Workbench:
    """Every method blocks, and raises WorkbenchError. Git runs without hooks, filters and anybody's configuration.

    A program that works in a throw-away copy runs as our user, and may reach this folder. So nothing is believed in it
    that another process has left, or that was there while such a program ran: it is made anew, and our commits are
    read back from a pack, from which git computes the name of each object again. What a program does and reads
    elsewhere by absolute paths is not prevented.
    """

    def __init__(self, project: Path, folder: SessionFolder) -> None:
        self._project = project
        self._session = folder.id
        self._root = folder.bench
        self._git_dir = self._root / "tree.git"
        self._tree = self._root / "tree"
        self._kept = self._root / "commits.pack"
        self._commits = b""  # all of ours, as a pack
        self._one = Lock()  # services are deployed side by side
        self._is_ours = False  # whether nobody but this process has written here
        self._given = self._newest = ""  # what our git dir was when a program began to work beside it, and its tip
        self._base = self._prefix = ""

    def open(self, commit: str, tip: str = "") -> None:
        """Have the copy at its newest commit.

        commit: the user's that it begins with. tip: the newest of ours, as the journal tells it. Objects are read from
        the user's repository, where nothing is run and nothing written.
        """
        with self._one:
            self._base, self._prefix = commit, self._ask_user("rev-parse", "--show-prefix")
            if not self._is_ours:
                self._make()
            self._do("update-ref", "HEAD", tip or commit)
            self._begin_anew()

    def _make(self, *besides: Path) -> None:
        """Have nothing here but an empty copy, a git dir with our commits, and what is named."""
        if self._root.is_symlink():
            remove(self._root)
        self._root.mkdir(parents=True, exist_ok=True)
        if not self._commits and self._kept.is_file() and not self._kept.is_symlink():
            self._commits = self._kept.read_bytes()
        for other in self._root.iterdir():
            if other not in besides:
                remove(other)
        self._tree.mkdir()
        _git(("init", "-q", "--template=", "-b", f"{BRANCH}{self._session}", "--bare", str(self._git_dir)))
        objects = (self._project / self._ask_user("rev-parse", "--git-path", "objects")).resolve()
        (self._git_dir / "objects/info").mkdir(exist_ok=True)
        (self._git_dir / "objects/info/alternates").write_text(f"{objects}\n", "utf-8")
        shallow = self._project / self._ask_user("rev-parse", "--git-path", "shallow")
        if shallow.exists():
            shutil.copyfile(shallow, self._git_dir / "shallow")
        if self._commits:
            with contextlib.suppress(WorkbenchError):  # a spoilt one: the user's repository may have them too
                self._run("unpack-objects", "-q", given=self._commits)
            write_whole(self._kept, self._commits, 0o600)
        self._is_ours = True

    def _begin_anew(self) -> None:
        """Have the copy's files as at its tip, whatever they and the index say: the index is made anew."""
        for name in ("index", "index.lock"):
            (self._git_dir / name).unlink(missing_ok=True)
        self._do("reset", "-q", "--hard", "HEAD")
        self._do("clean", "-q", "-ffdx")

    @property
    def project(self) -> Path:
        """The project's folder in the copy."""
        return self._tree / self._prefix

    @property
    def tip(self) -> str:
        """The newest commit of the copy."""
        return self._do("rev-parse", "HEAD").strip()

    def at(self, commit: str) -> Path:
        """The project's folder as of one of the copy's own commits, in a place that nothing else changes."""
        place = self._root / commit
        with self._one:
            if not place.exists():
                partial = self._root / f"{commit}.partial"
                shutil.rmtree(partial, ignore_errors=True)
                self._checkout(commit, partial)
                partial.rename(place)
        return place / self._prefix

    def disposable(self, name: str, diff: str = "") -> Path:
        """The project's folder in a throw-away copy of the tip, changed by a diff, for an outside program.

        It has a git dir of its own, without remote and hooks, and lacks what coding agents take instructions from. A
        project with links that lead out of it gets none: who writes through one would change what is not in the copy.
        """
        place = self._root / f"throwaway-{name}"
        remove(place)
        self._checkout("HEAD", place, *_instructions("top,icase,glob"))
        if out := [str(link.relative_to(place)) for link in links_out_of(place)]:
            raise WorkbenchError(f"the project has links that lead out of it: {', '.join(out[:3])}")
        _git(("init", "-q", "--template="), cwd=place)
        _git(("add", "-A", "-f"), cwd=place)
        _git(("commit", "-q", "--no-verify", "-m", "as it is"), cwd=place, env=_signed(datetime.fromtimestamp(0, UTC)))
        if diff:
            _git(("apply", "--whitespace=nowarn", *self._below, "-"), cwd=place, given=_encoded(diff))
        self._given, self._newest, self._is_ours = state_of(self._git_dir), self.tip, False
        return place / self._prefix

    def reclaim(self, name: str) -> bool:
        """Undo what a program has done here beside its throw-away copy; whether it has changed our git dir."""
        is_changed = self._root.is_symlink() or state_of(self._git_dir) != self._given
        self._make(self._root / f"throwaway-{name}")
        self._do("update-ref", "HEAD", self._newest)
        return is_changed

    def diff_of(self, name: str) -> str:
        """What such a copy differs in from the tip, as a diff relative to the project; by our git dir, not by its own.

        Ignored files, other folders and what coding agents take instructions from are left aside. A repository in it
        is a folder like any other: git would run what the configuration of one says.
        """
        index = self._root / f"index-{name}"
        index.unlink(missing_ok=True)
        of_copy = {"GIT_INDEX_FILE": str(index)}
        place = self._root / f"throwaway-{name}"
        if place.is_symlink():
            raise WorkbenchError(f"{place.name} is a link now")
        for inner in [each for each in below(place) if each.name == ".git"]:
            remove(inner)
        self._do("read-tree", "HEAD", env=of_copy)
        self._do("add", "-A", "--", self._prefix or ".", env=of_copy, tree=place)
        return self._diff(
            "--cached", self._relative, "HEAD", "--", ":/", *_instructions("exclude,top,icase,glob"), env=of_copy
        )

    def restoring_diff(self, commit: str, folder: str) -> str:
        """What would make a folder of the project be as it was at a commit of the user's."""
        return self._diff(self._relative, "HEAD", commit, "--", f":/{self._prefix}{folder}")

    def with_all_around(self, diff: str) -> str:
        """The same change, with the whole of each file around it."""
        self._apply(diff)
        return self._diff(f"-U{MOST_BYTES}", "--cached", self._relative, "HEAD")

    def commit(self, diff: str, message: str, at: datetime) -> str:
        """A commit with a diff that is relative to the project; the newest one, if it is that already."""
        if self._says(message):
            return self.tip
        self._apply(diff)
        return self._committed(message, at)

    def revert(self, commit: str, message: str, at: datetime) -> str:
        """A new commit that takes one back; the newest one, if it is that already."""
        if self._says(message):
            return self.tip
        self._apply(self._diff(self._relative, f"{commit}^", commit), "-R")
        return self._committed(message, at)

    def _says(self, message: str) -> bool:
        """Whether the newest commit is one of ours with this message."""
        return self.tip != self._base and self._do("log", "-1", "--format=%B").strip() == message.strip()

    def publish(self) -> str:
        """Give the user's repository our commits and a branch that names them; checked out is nothing.

        The branch, whose name is told. One of that name that somebody else has moved, or works on, is left as it is:
        WorkbenchError.
        """
        name = f"refs/heads/{BRANCH}{self._session}"
        old, _, used_by = self._ask_user("for-each-ref", "--format=%(objectname) %(worktreepath)", name).partition(" ")
        if used_by and old != self.tip:
            raise WorkbenchError(
                f"{name} is checked out", "switch to another; the diffs are kept in the session's folder"
            )
        if old and self._do("merge-base", old, "HEAD").strip() != old:
            raise WorkbenchError(
                f"{name} holds something else", "rename it; the diffs are kept in the session's folder"
            )
        _git(("unpack-objects", "-q"), cwd=self._project, given=self._packed(old or self._base))
        _git(("update-ref", name, self.tip, old or "0" * 40), cwd=self._project)
        return name.removeprefix("refs/heads/")

    def _apply(self, diff: str, *how: str) -> None:
        """Have the copy's files as at its tip but for a diff."""
        self._begin_anew()
        self._run("apply", "--index", "--whitespace=nowarn", *how, *self._below, "-", given=_encoded(diff))

    @property
    def _relative(self) -> str:
        """What has git tell paths as the project does, as an option."""
        return f"--relative={self._prefix}" if self._prefix else "--no-relative"

    @property
    def _below(self) -> tuple[str, ...]:
        """Where a diff relative to the project is to be applied, as an option of git."""
        return (f"--directory={self._prefix.rstrip('/')}",) if self._prefix else ()

    def _committed(self, message: str, at: datetime) -> str:
        words = ("commit", "-q", "--no-verify", "--no-gpg-sign", "--cleanup=verbatim", "-F", "-")
        self._run(*words, given=message.encode(), env=_signed(at))
        self._commits = self._packed(self._base)
        write_whole(self._kept, self._commits, 0o600)
        return self.tip

    def _packed(self, but: str) -> bytes:
        """The objects of our newest commit that another does not have."""
        ours = self._do("rev-list", "--objects", "HEAD", "--not", but)
        return self._run("pack-objects", "-q", "--stdout", given=ours.encode())

    def _checkout(self, commit: str, place: Path, *without: str) -> None:
        place.mkdir(parents=True)
        index = {"GIT_INDEX_FILE": str(self._root / f"index-{place.name}")}
        self._do("read-tree", commit, env=index)
        if without:
            self._do("rm", "-r", "-q", "-f", "--cached", "--ignore-unmatch", "--", *without, env=index)
        self._do("checkout-index", "-q", "-a", env=index, tree=place)

    def _diff(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        found = self._run("diff", *_DIFF, *arguments, env=env)
        if len(found) > MOST_BYTES:
            raise WorkbenchError(f"the diff has {len(found)} bytes, {MOST_BYTES} are allowed")
        return found.decode("utf-8", "surrogateescape")

    def _do(self, *arguments: str, env: Mapping[str, str] | None = None, tree: Path | None = None) -> str:
        return self._run(*arguments, env=env, tree=tree).decode("utf-8", "surrogateescape")

    def _run(
        self, *arguments: str, given: bytes = b"", env: Mapping[str, str] | None = None, tree: Path | None = None
    ) -> bytes:
        where = tree or self._tree
        ours = {"GIT_DIR": str(self._git_dir), "GIT_WORK_TREE": str(where), **(env or {})}
        return _git(arguments, cwd=where, given=given, env=ours)

    def _ask_user(self, *arguments: str) -> str:
        return _git(arguments, cwd=self._project).decode("utf-8", "surrogateescape").strip()


def _git(
    arguments: Sequence[str], *, cwd: Path | None = None, given: bytes = b"", env: Mapping[str, str] | None = None
) -> bytes:
    """What a command of git prints. Nothing of our environment but PATH, and no configuration but the repository's."""
    surroundings = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        **(env or {}),
    }
    command = ("git", *_QUIET, *arguments)
    try:
        done = subprocess.run(
            command, cwd=cwd, env=surroundings, input=given, capture_output=True, timeout=TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WorkbenchError(f"git cannot be run: {error}", "is it installed?") from error
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or [f"exit {done.returncode}"]
        raise WorkbenchError(f"git {shlex.join(arguments[:3])}: {last[0]}")
    return done.stdout


def _encoded(diff: str) -> bytes:
    return diff.encode("utf-8", "surrogateescape")


def _signed(at: datetime) -> dict[str, str]:
    """The author of our commits, who is nobody, and their time: the same commit twice has one name."""
    moment = f"@{int(at.timestamp())} +0000"
    return {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", _NAME), ("EMAIL", _MAIL), ("DATE", moment))
    }


def _instructions(magic: str) -> tuple[str, ...]:
    """Where coding agents take instructions from, as patterns of git."""
    return tuple(f":({magic})**/{each}{end}" for each in AGENT_FILES for end in ("", "/**"))
