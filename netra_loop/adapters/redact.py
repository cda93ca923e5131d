"""Masks secrets before anything is written: known values in several spellings, and the shapes of common tokens.

A seat belt, not the lock: secrets are kept out of what we start and store in the first place.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

MASK = "[masked]"
_SHORTEST = 8  # below this a value is a word that stands in ordinary text
_SECRET_NAME = re.compile(r"(TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY|PRIVATE_?KEY)", re.IGNORECASE)
_SHAPES = [  # each begins with plain letters, which are found fast; what may not stand before them is checked after
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
    re.compile(r"eyJ(?<!\weyJ)[A-Za-z0-9_-]{8,1024}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"),  # also one cut short
    re.compile(r"ya29\.(?<!\wya29\.)[A-Za-z0-9_.-]{10,}"),
    re.compile(r"AIza(?<!\wAIza)[A-Za-z0-9_-]{35}"),
    re.compile(r"gh[pousr]_(?<!\wgh._)[A-Za-z0-9]{30,}"),
    re.compile(r"github_pat_(?<!\wgithub_pat_)[A-Za-z0-9_]{30,}"),
    re.compile(r"xox[abprs]-(?<!\wxox.-)[A-Za-z0-9-]{10,}"),
    re.compile(r"AKIA(?<!\wAKIA)[A-Z0-9]{16}\b"),
    re.compile(r"ASIA(?<!\wASIA)[A-Z0-9]{16}\b"),
    re.compile(r"sk-(?<!\wsk-)[A-Za-z0-9_-]{20,}"),
]
_AFTER = [  # what follows the first group is masked
    re.compile(r"(earer (?<=[Bb]earer ))[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"(://)[^\s/:@]{0,200}:[^\s/@]{1,200}(?=@)"),
]


class Redactor:
    """Replaces secrets in text. Known values match anywhere, also base64, URL-encoded and as in JSON."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings = {spelling for secret in secrets for spelling in _spellings(secret)}
        self._known = sorted(spellings, key=len, reverse=True)

    def learn(self, secret: str) -> None:
        """Mask this one too from now on."""
        self._known = sorted({*self._known, *_spellings(secret)}, key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text with every secret replaced by [masked]."""
        for spelling in self._known:
            text = _without_ends(text.replace(spelling, MASK), spelling)
        for shape in _SHAPES:
            text = shape.sub(MASK, text)
        for shape in _AFTER:
            text = shape.sub(rf"\1{MASK}", text)
        return text


def _without_ends(text: str, secret: str) -> str:
    """The text without the part of a secret that a cut left at one of its ends."""
    for length in range(min(len(secret), len(text)) - 1, _SHORTEST - 1, -1):
        if text.endswith(secret[:length]):
            text = text[:-length] + MASK
            break
    for length in range(min(len(secret), len(text)) - 1, _SHORTEST - 1, -1):
        if text.startswith(secret[-length:]):
            return MASK + text[length:]
    return text


def is_secret(name: str) -> bool:
    """Whether the name of a variable says that its value is secret."""
    return bool(_SECRET_NAME.search(name))


def secrets_in(environment: Mapping[str, str]) -> list[str]:
    """The values of the variables whose names say that they are secret."""
    return [value for name, value in environment.items() if is_secret(name)]


def _spellings(secret: str) -> Iterable[str]:
    for part in {line.strip() for line in (secret, *secret.splitlines())}:
        if len(part) >= _SHORTEST:
            yield part
            yield quote(part, safe="", errors="replace")
            yield json.dumps(part)[1:-1]
            for before in range(3):
                encoded = _base64(part.encode("utf-8", "replace"), before)
                yield encoded
                yield encoded.replace("+", "-").replace("/", "_")


def _base64(data: bytes, before: int) -> str:
    """What base64 makes of data after so many other bytes, whatever they are and whatever follows."""
    encoded = base64.b64encode(bytes(before) + data).decode()
    return encoded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
