"""What a failure says, without what changes from run to run: the same words have the same signature."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

MASKS = 2  # the version of the masks below, part of every signature: other masks must not look like other failures
LONGEST = 500  # characters of a line that tell failures apart; more would only cost time, quadratically at worst

_PLACE = re.compile(r"(?:\S+:\d+: )?(?:[\w.]*(?:Error|Exception): )?")  # file, line and class: where, not what
_CHANGING = re.compile(
    r"""
    (?P<authority>(?<=://)[^/\s'"<>)\]]+)                               # host and port of a URL
  | (?P<host>\b(?:\d{1,3}(?:\.\d{1,3}){3}|localhost|(?:[a-z0-9-]+\.)+(?:run\.app|internal|local))(?::\d+)?\b)
  | (?P<path>(?<![\w:/.])/(?:app|home|opt|private|root|tmp|usr|var|workspace)(?:/[\w.+-]+)+)  # files, not endpoints
  | (?P<id>0x[0-9a-f]+|[0-9a-f]{8,}(?:-[0-9a-f]{4,})*|(?<=-)[0-9a-f]{4,}\b|\d+(?:[.:]\d+)*)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_MASKS = {"authority": "HOST", "host": "HOST", "path": "PATH", "id": "#"}


def shape(text: str) -> str:
    """The first line of a failure text that says something, with hosts, files, ids and numbers masked."""
    return masked(gist(text))


def gist(text: str) -> str:
    """The first line of a failure text that says something, without where it was."""
    return _PLACE.sub("", _first_line(text), count=1)


def masked(line: str) -> str:
    """The line with hosts, files, ids and numbers masked; not to be asked of long ones."""
    return _CHANGING.sub(lambda found: _MASKS[found.lastgroup or "id"], line)


def signature(kind: str, shapes: Iterable[str]) -> str:
    """Sixteen hexadecimal digits: the same for the same kind of problem in the same words, in whatever order."""
    words = "\n".join((f"masks {MASKS}", kind, *sorted(set(shapes))))
    return hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()[:16]


def _first_line(text: str) -> str:
    """The begin of the first line that is not blank, found without splitting the others."""
    return text.lstrip().partition("\n")[0][:LONGEST].rstrip()
