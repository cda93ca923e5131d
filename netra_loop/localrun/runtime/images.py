"""Images: immutable snapshots of source directories, named by the digest of their content."""

import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from netra_loop.localrun.errors import invalid

DRAFT = "draft-"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
LOCAL = "local"
SKIPPED_FOLDERS = {".git", "__pycache__", ".venv"}
IMAGE_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*")
REFERENCE = re.compile(r"(?P<name>[^@:]+(?::\d+/[^@:]+)?)(?::latest)?(?:@(?P<digest>sha256:[0-9a-f]{64}))?")
WEB_LINE = re.compile(r"^web:[ \t]*(\S.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Image:
    """A snapshot: its name such as `local/backend`, its digest, its folder and the command of its Procfile."""

    name: str
    digest: str
    folder: Path
    command: str

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.digest}"


class Images:
    """The images below one folder; what is there survives a restart. Builds wait for each other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._index = folder / "index.json"
        self._turn = threading.Lock()
        folder.mkdir(mode=0o700, exist_ok=True)
        for unfinished in folder.glob(f"{DRAFT}*"):
            shutil.rmtree(unfinished, ignore_errors=True)

    def build(self, name: str, source: Path, excluded: Path, registry: str = LOCAL) -> Image:
        """Snapshot a source folder as `registry/name`; equal content is the same image. Blocks while it copies.

        `excluded` is a folder that never belongs to an image: our own state may lie inside the source.
        """
        _require_source(name, source)
        with self._turn:
            return self._build(f"{registry}/{name}", source, excluded)

    def _build(self, name: str, source: Path, excluded: Path) -> Image:
        draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=self._folder))
        try:
            digest = _copy(source, draft, excluded)
            web_command(draft)
            folder = self._path(digest)
            if not folder.exists():
                draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        image = Image(name, digest, folder, web_command(folder))
        self._remember(image)
        return image

    def resolve(self, reference: str) -> Image | None:
        """The image behind `local/backend` (its latest build) or `local/backend@sha256:...`, None when unknown."""
        found = REFERENCE.fullmatch(reference)
        digest = (found["digest"] or self._latest().get(found["name"])) if found else None
        if found is None or digest is None or not self._path(digest).is_dir():
            return None
        return Image(found["name"], digest, self._path(digest), web_command(self._path(digest)))

    def prune(self, used: Collection[str]) -> None:
        """Remove the images whose digest is not among `used` and that are not the latest of their name."""
        kept = {self._path(digest).name for digest in (*used, *self._latest().values())}
        for folder in self._folder.iterdir():
            if folder.is_dir() and folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _path(self, digest: str) -> Path:
        return self._folder / digest.removeprefix("sha256:")

    def _latest(self) -> dict[str, str]:
        return dict(json.loads(self._index.read_text())) if self._index.exists() else {}

    def _remember(self, image: Image) -> None:
        draft = self._index.with_suffix(".draft")
        draft.write_text(json.dumps(self._latest() | {image.name: image.digest}, indent=1))
        draft.rename(self._index)


def web_command(folder: Path) -> str:
    """The `web:` command of a folder's Procfile; raises INVALID_ARGUMENT when there is none."""
    procfile = folder / "Procfile"
    if not procfile.is_file():
        raise invalid(
            "source: there is no Procfile, so nothing says how to start it; add one with a line 'web: COMMAND'"
        )
    found = WEB_LINE.search(procfile.read_text(errors="replace"))
    if found is None:
        raise invalid("source: the Procfile has no 'web: COMMAND' line, so nothing says how to start it")
    return found[1].strip()


def _require_source(name: str, source: Path) -> None:
    if not IMAGE_NAME.fullmatch(name):
        raise invalid(f"name: '{name}' must be lower case letters, digits, '.', '_', '-' or '/'")
    if not source.is_absolute():
        raise invalid(f"source: '{source}' must be an absolute path")
    if not source.is_dir():
        raise invalid(f"source: '{source}' is not a directory")


def _copy(source: Path, draft: Path, excluded: Path) -> str:
    """Copy the files of a source folder, read-only, and return the digest of exactly what was copied."""
    total = hashlib.sha256()
    for path in sorted(_files(source, excluded), key=lambda path: os.fsencode(path.relative_to(source))):
        relative = path.relative_to(source)
        target = draft / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(path.stat().st_mode)
        content = _copy_file(path, target)
        target.chmod(mode & 0o555)
        total.update(b"%s\0%o\0%s\n" % (os.fsencode(relative), mode, content.encode()))
    return f"sha256:{total.hexdigest()}"


def _copy_file(path: Path, target: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as reader, target.open("wb") as writer:
        while block := reader.read(1 << 20):
            digest.update(block)
            writer.write(block)
    return digest.hexdigest()


def _files(folder: Path, excluded: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_symlink():
            raise invalid(f"source: '{path}' is a symbolic link; an image holds only files and folders")
        if path.is_dir():
            if path.name not in SKIPPED_FOLDERS and path.resolve() != excluded:
                yield from _files(path, excluded)
        elif not path.is_file():
            raise invalid(f"source: '{path}' is neither a file nor a folder")
        elif path.suffix != ".pyc":
            yield path
