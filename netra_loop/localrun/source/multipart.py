"""Bodies of the type multipart/related, as small uploads have them: a document about the media, then the media."""

import re
from collections.abc import AsyncIterator
from typing import BinaryIO

from netra_loop.localrun.errors import invalid
from netra_loop.localrun.fields import Document, Fields, parse_json

BOUNDARY = re.compile(r"multipart/related;.*\bboundary=([\"']?)(?P<boundary>[^\"';]{1,128})\1", re.IGNORECASE)
HEADERS = rb"(?:[^\r\n]+\r?\n)*\r?\n"
LARGEST_HEAD = 256 * 1024


async def receive_multipart(content_type: str, blocks: AsyncIterator[bytes], file: BinaryIO) -> Document:
    """Write the media to a file as it comes; returns the document before it. Raises INVALID_ARGUMENT."""
    found = BOUNDARY.match(content_type)
    if found is None:
        raise invalid(f"Content-Type: '{content_type}' is not of the form 'multipart/related; boundary=...'")
    boundary = b"--" + found["boundary"].encode("latin-1")
    head, media = await _receive_head(boundary, blocks)
    file.write(media)
    async for block in blocks:
        file.write(block)
    _cut_end(file, head["newline"] + boundary + b"--")
    return _metadata(head["metadata"])


async def _receive_head(boundary: bytes, blocks: AsyncIterator[bytes]) -> tuple[re.Match[bytes], bytes]:
    """All that comes before the media, and what came of the media with it. Some clients write lines without CR."""
    line = re.escape(boundary)
    head = re.compile(
        line + rb"(?P<newline>\r?\n)" + HEADERS + rb"(?P<metadata>.*?)\r?\n" + line + rb"\r?\n" + HEADERS, re.DOTALL
    )
    received = b""
    async for block in blocks:
        received += block
        found = head.match(received)
        if found is not None:
            return found, received[found.end() :]
        if len(received) > LARGEST_HEAD:
            break
    raise invalid("The body has no two parts, a document and the media.")


def _cut_end(file: BinaryIO, end: bytes) -> None:
    size = file.tell()
    file.seek(max(0, size - len(end) - 4))
    last = file.read()
    place = last.rfind(end)
    if place < 0 or last[place + len(end) :].strip():
        raise invalid("The body does not end with its boundary.")
    file.truncate(size - len(last) + place)


def _metadata(text: bytes) -> Document:
    try:
        return Fields(parse_json(text), "metadata").document
    except ValueError as error:
        raise invalid(f"metadata: invalid JSON: {error}") from None
