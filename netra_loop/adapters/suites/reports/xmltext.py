"""The text of an XML file in pieces that a parser can take, whatever bytes tests have printed into it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator

PIECE = 64 * 1024  # bytes
_DECLARATION = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_ENCODINGS = frozenset({"utf-8", "utf-16", "ascii", "iso8859-1", "iso8859-15", "cp1252"})
_NOT_XML = "\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff"  # production 2 of XML 1.0
_STRANGE = re.compile(f"[{_NOT_XML}]|&#(?:0*(?:[0-8]|1[124-9]|2[0-9]|3[01])|[xX]0*(?:[0-8bBcCeEfF]|1[0-9a-fA-F]));")
_LONGEST_REFERENCE = 12  # characters of `&#x0000001b`


def pieces(data: bytes, problem: Callable[[str], None]) -> Iterator[bytes]:
    """The file as UTF-8. What XML does not allow becomes U+FFFD, and is told once at the end with its number."""
    decoder = codecs.getincrementaldecoder(_encoding(data, problem))(errors="surrogateescape")
    replaced, rest = 0, ""
    for begin in range(0, len(data), PIECE):
        chunk = data[begin : begin + PIECE]
        last = begin + PIECE >= len(data)
        text = rest + _decoded(decoder, chunk, last=last)
        cut = len(text) if last else _end_of_references(text)
        text, rest = text[:cut], text[cut:]
        text, count = _STRANGE.subn("\ufffd", text)
        replaced += count
        yield text.encode()
    if replaced:
        problem(f"characters that XML does not allow were replaced: {replaced}")


def _encoding(data: bytes, problem: Callable[[str], None]) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    declared = _DECLARATION.match(data[:300])
    name = declared.group(1).decode() if declared else "utf-8"
    try:
        known = codecs.lookup(name).name
    except LookupError:
        known = ""
    if known not in _ENCODINGS - {"utf-16"}:
        problem(f"encoding {name!r} is not read; taken for UTF-8")
        known = "utf-8"
    return "utf-8-sig" if known == "utf-8" else known


def _decoded(decoder: codecs.IncrementalDecoder, chunk: bytes, *, last: bool) -> str:
    try:
        return decoder.decode(chunk, last)
    except UnicodeDecodeError:  # UTF-16 has no escape for a wrong half
        decoder.errors = "replace"
        return decoder.decode(chunk, last)


def _end_of_references(text: str) -> int:
    """Where the text can be cut without cutting a character reference."""
    start = text.rfind("&", max(0, len(text) - _LONGEST_REFERENCE))
    return start if start >= 0 and ";" not in text[start:] else len(text)
