"""HTTP/1.1 messages (RFC 9112): heads read strictly, so that nobody after us can see another message in these bytes.

The control plane uses h11. For the router it is too slow: its checks took half of the time of a request. What is
accepted here h11 accepts too, and understands it alike; the tests hold the two against each other.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

LARGEST_HEAD = 64 * 1024
LONGEST_CHUNK_LINE = 4096
TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
TEXT = rb"[\t -~\x80-\xff]*"
REQUEST_LINE = re.compile(rb"(%s) ([!-~]+) HTTP/1\.([01])" % TOKEN)
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: (%s))?" % TEXT)
FIELD = re.compile(rb"(%s):(%s)" % (TOKEN, TEXT))
CHUNK_LINE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;%s)?" % TEXT)
LENGTH = re.compile(rb"[0-9]{1,18}")

Headers = list[tuple[bytes, bytes, bytes]]  # of each the name in lower case, the name as it was sent, and the value


class Refused(Exception):
    """What has arrived is no HTTP/1.1, or not clearly one message; `status` is how to answer it."""

    def __init__(self, status: int = 400) -> None:
        super().__init__(status)
        self.status = status


class Framing(Enum):
    """How the end of a body is told, when it is not by its length."""

    CHUNKED = "chunked"
    UNTIL_CLOSE = "until the connection is closed"


@dataclass(slots=True)
class Request:
    """The head of a request; `framing` is the length of its body, or how its end is told."""

    method: bytes
    target: bytes
    version: str
    headers: Headers
    framing: int | Framing

    @property
    def goes_on(self) -> bool:
        """Whether another request may follow on the connection."""
        return self.version == "HTTP/1.1" and not has_option(self.headers, b"close")

    @property
    def asks_upgrade(self) -> bool:
        return has_option(self.headers, b"upgrade")


@dataclass(slots=True)
class Response:
    """The head of an answer; `framing` is the length of its body, or how its end is told."""

    status: int
    reason: bytes
    goes_on: bool
    headers: Headers
    framing: int | Framing


class Body:
    """What of a body has arrived. `done` is true once it was all taken."""

    def __init__(self, framing: int | Framing) -> None:
        self.framing = framing
        self.done = framing == 0
        self._left = framing if isinstance(framing, int) else 0
        self._chunk = self._size

    def take(self, data: bytearray) -> bytes:
        """Take what belongs to the body from the start of `data`. Raises Refused."""
        if self.framing is Framing.CHUNKED:
            return self._take_chunks(data)
        if self.framing is Framing.UNTIL_CLOSE:
            return _cut(data, len(data))
        piece = self._take_length(data)
        self.done = not self._left
        return piece

    def _take_length(self, data: bytearray) -> bytes:
        piece = _cut(data, self._left)
        self._left -= len(piece)
        return piece

    def _take_chunks(self, data: bytearray) -> bytes:
        pieces = []
        while not self.done:
            if self._left:
                pieces.append(self._take_length(data))
            line = None if self._left else _cut_line(data)
            if line is None:
                break
            self._chunk(line)
        return b"".join(pieces)

    def _size(self, line: bytes) -> None:
        found = CHUNK_LINE.fullmatch(line)
        if found is None:
            raise Refused
        self._left = int(found[1], 16)
        self._chunk = self._end_of_chunk if self._left else self._trailer

    def _end_of_chunk(self, line: bytes) -> None:
        if line:
            raise Refused
        self._chunk = self._size

    def _trailer(self, line: bytes) -> None:
        if line and not FIELD.fullmatch(line):
            raise Refused
        self.done = not line


def take_head(data: bytearray) -> list[bytes] | None:
    """Take the lines of a head from the start of `data`, None while it is not complete. Raises Refused."""
    if data and not (0x21 <= data[0] <= 0x7E):
        raise Refused
    end = data.find(b"\r\n\r\n", 0, LARGEST_HEAD)
    if end < 0:
        if len(data) >= LARGEST_HEAD:
            raise Refused(431)
        return None
    lines = bytes(data[:end]).split(b"\r\n")
    del data[: end + 4]
    return lines


def read_request(lines: list[bytes]) -> Request:
    """The head of a request; raises Refused."""
    found = REQUEST_LINE.fullmatch(lines[0])
    if found is None or found[1] == b"CONNECT":
        raise Refused
    headers = _headers(lines)
    hosts = values(headers, b"host")
    if len(hosts) > 1 or (not hosts and found[3] == b"1"):
        raise Refused
    framing = _declared(headers)
    if framing is Framing.CHUNKED and found[3] == b"0":
        raise Refused
    return Request(found[1], found[2], f"HTTP/1.{found[3].decode()}", headers, framing or 0)


def read_response(lines: list[bytes], method: bytes) -> Response:
    """The head of the answer to a request with a method; raises Refused."""
    found = STATUS_LINE.fullmatch(lines[0])
    if found is None:
        raise Refused
    headers, status = _headers(lines), int(found[2])
    framing = _declared(headers)
    if method == b"HEAD" or status < 200 or status in (204, 304):
        framing = 0
    elif framing is None:
        framing = Framing.UNTIL_CLOSE
    goes_on = found[1] == b"1" and framing is not Framing.UNTIL_CLOSE and not has_option(headers, b"close")
    return Response(status, found[3] or b"", goes_on, headers, framing)


def head_bytes(start: bytes, headers: Iterable[tuple[bytes, bytes, bytes]]) -> bytes:
    """A head as it is sent."""
    return b"\r\n".join([start, *[name + b": " + value for _, name, value in headers], b"", b""])


def chunk(data: bytes) -> bytes:
    """A piece of a chunked body; nothing for nothing, as an empty chunk would end it."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def values(headers: Headers, name: bytes) -> list[bytes]:
    """The values of all headers of a name, which is in lower case."""
    return [value for lower, _, value in headers if lower == name]


def has_option(headers: Headers, option: bytes) -> bool:
    """Whether the Connection header holds an option."""
    return any(
        option in [item.strip() for item in value.lower().split(b",")] for value in values(headers, b"connection")
    )


def _headers(lines: list[bytes]) -> Headers:
    headers = []
    for line in lines[1:]:
        found = FIELD.fullmatch(line)
        if found is None:
            raise Refused
        headers.append((found[1].lower(), found[1], found[2].strip(b" \t")))
    return headers


def _declared(headers: Headers) -> int | Framing | None:
    """What the headers say of the body, None when nothing; two words on it are refused, even if they agree."""
    words = [(lower, value) for lower, _, value in headers if lower in (b"content-length", b"transfer-encoding")]
    if not words:
        return None
    (name, value), *more = words
    if more or (name == b"transfer-encoding" and value.lower() != b"chunked"):
        raise Refused
    if name == b"transfer-encoding":
        return Framing.CHUNKED
    if not LENGTH.fullmatch(value):
        raise Refused
    return int(value)


def _cut(data: bytearray, size: int) -> bytes:
    piece = bytes(data[:size])
    del data[:size]
    return piece


def _cut_line(data: bytearray) -> bytes | None:
    end = data.find(b"\r\n", 0, LONGEST_CHUNK_LINE)
    if end < 0:
        if len(data) >= LONGEST_CHUNK_LINE:
            raise Refused
        return None
    line = bytes(data[:end])
    del data[: end + 2]
    return line
