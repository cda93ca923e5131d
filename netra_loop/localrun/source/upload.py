"""Uploaded sources: objects of Cloud Storage, each a file below the state folder until it is built."""

import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from netra_loop.localrun import clock
from netra_loop.localrun.errors import failed_precondition, invalid, not_found, too_large

LARGEST_OBJECT = 512 * 1024 * 1024  # bytes
MOST = 32  # uploads at a time, the newest; each may have LARGEST_OBJECT bytes
CONTENT_RANGE = re.compile(r"bytes (?:(?P<first>\d{1,15})-(?P<last>\d{1,15})|\*)/(?:(?P<total>\d{1,15})|\*)")


@dataclass(eq=False, slots=True)
class Upload:
    """An object, or what has come of it so far. Its generation is a moment in microseconds, as in Cloud Storage."""

    bucket: str
    name: str
    path: Path
    id: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    generation: int = field(default_factory=lambda: time.time_ns() // 1000)
    created: str = field(default_factory=clock.now)
    complete: bool = False

    @property
    def size(self) -> int:
        """Bytes that have come."""
        return self.path.stat().st_size


class Uploads:
    """The uploads of this server's life; what an earlier one left is removed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._uploads: dict[str, Upload] = {}
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)

    def begin(self, bucket: str, name: str) -> Upload:
        """An object without bytes yet; of too many, the oldest is given up."""
        upload = Upload(bucket, name, self.folder / secrets.token_hex(16))
        upload.path.touch(mode=0o600)
        self._uploads[upload.id] = upload
        for old in list(self._uploads.values())[:-MOST]:
            self.remove(old)
        return upload

    def find(self, identity: str) -> Upload:
        """An upload by its id. Raises NOT_FOUND."""
        if identity not in self._uploads:
            raise not_found("There is no such upload.")
        return self._uploads[identity]

    def object(self, bucket: str, name: str, generation: int) -> Upload:
        """The newest complete object of a name; generation 0 is any. Raises FAILED_PRECONDITION."""
        for upload in reversed(self._uploads.values()):
            same = (upload.bucket, upload.name) == (bucket, name) and generation in (0, upload.generation)
            if same and upload.complete:
                return upload
        raise failed_precondition(f"There is no object '{name}' in bucket '{bucket}'.")

    def remove(self, upload: Upload) -> None:
        self._uploads.pop(upload.id, None)
        upload.path.unlink(missing_ok=True)


def require_size(size: int) -> None:
    """Refuse an object of more bytes than a body may have."""
    if size > LARGEST_OBJECT:
        raise too_large(f"The object has {size} bytes; the embedded Cloud Run takes at most {LARGEST_OBJECT}.")


async def receive_chunk(upload: Upload, content_range: str, blocks: AsyncIterator[bytes]) -> None:
    """Append a chunk of a resumable upload, or nothing when it does not begin where the last one ended.

    `bytes 0-99/*` is a chunk that more will follow, `bytes 100-149/150` the last one, and `bytes */150` none.
    """
    found = CONTENT_RANGE.fullmatch(content_range)
    if found is None:
        raise invalid(f"Content-Range: '{content_range}' is not of the form 'bytes FIRST-LAST/TOTAL'")
    first, last, total = (int(found[name] or -1) for name in ("first", "last", "total"))
    require_size(max(total, last + 1))
    if first == upload.size:
        await _append(upload, first, last + 1, blocks)
    upload.complete = total == upload.size


async def _append(upload: Upload, start: int, end: int, blocks: AsyncIterator[bytes]) -> None:
    with upload.path.open("r+b") as file:
        file.seek(start)
        async for block in blocks:
            file.write(block)
        if file.tell() != end:
            file.truncate(start)
            raise invalid(f"Content-Range: {end - start} bytes were announced, {file.tell() - start} came")
