"""Unpacking a source that was uploaded as a zip archive: only files, only within the folder, only so many."""

import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from netra_loop.localrun.errors import failed_precondition

MOST_FILES = 20_000
MOST_BYTES = 1024 * 1024 * 1024  # unpacked
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
DEFAULT_MODE = 0o644  # of archives that come from where files have none
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive into an empty folder, with the files' modes. Raises FAILED_PRECONDITION, and OSError."""
    try:
        with zipfile.ZipFile(archive) as packed:
            members = packed.infolist()
            _require_bounds(members)
            for member in members:
                _unpack_member(packed, member, folder)
    except UNREADABLE as error:
        raise failed_precondition(f"The source is no zip archive that can be read: {error}") from None


def _require_bounds(members: list[zipfile.ZipInfo]) -> None:
    """Refuse what would fill the disk. Of a member never more is unpacked than the size it says."""
    if len(members) > MOST_FILES:
        raise failed_precondition(f"The source has {len(members)} files; at most {MOST_FILES} are unpacked.")
    size = sum(member.file_size for member in members)
    if size > MOST_BYTES:
        raise failed_precondition(f"The source unpacks to {size} bytes; at most {MOST_BYTES} are unpacked.")


def _unpack_member(packed: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    name, mode = PurePosixPath(member.filename), member.external_attr >> 16
    if name.is_absolute() or ".." in name.parts:
        raise failed_precondition(f"The source has a file outside of its folder: '{member.filename}'.")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise failed_precondition(f"'{name}' is neither a file nor a folder; an image holds nothing else.")
    target = folder / name
    if member.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    if member.compress_type not in METHODS:
        raise failed_precondition(f"'{name}' is compressed in another way than zip's usual one.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with packed.open(member) as reader, target.open("xb") as writer:
        shutil.copyfileobj(reader, writer)
    target.chmod(stat.S_IMODE(mode) & 0o777 | stat.S_IRUSR if mode else DEFAULT_MODE)
