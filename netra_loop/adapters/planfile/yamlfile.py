"""Reads one YAML file, and nothing that only looks like one: no device, no flood, no invisible text."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from netra_loop.adapters.planfile.yamldocument import INVISIBLE, Document

MAX_BYTES = 1 << 20


def read_document(path: Path, shown: str, if_missing: str = "") -> Document:
    """The file at `path`, called `shown` in mistakes, with a hint for when it is not there.

    Nothing is raised: what is wrong is in the document.
    """
    document = Document(shown)
    data = _bytes(path, document, if_missing)
    text = None if data is None else _text(data, document)
    if text is not None and _visible(text, document):
        from netra_loop.adapters.planfile.yamlcompose import compose

        compose(text, document)
    return document


def _bytes(path: Path, document: Document, if_missing: str) -> bytes | None:
    """The content of a regular file of a bearable size. Nothing else is read: a device or a pipe may never end."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                document.refuse("not a regular file")
                return None
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                data = file.read(MAX_BYTES + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        document.refuse("there is no such file", if_missing)
        return None
    except OSError as error:
        document.refuse(f"cannot be read: {error.strerror}")
        return None
    if len(data) > MAX_BYTES:
        document.refuse("larger than 1 MiB")
        return None
    return data


def _text(data: bytes, document: Document) -> str | None:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace").split("\n")
        document.add((len(before), len(before[-1]) + 1), "not UTF-8", "save the file as UTF-8")
        return None
    document.lines = re.split(r"\r\n|\r|\n", text)
    return text


def _visible(text: str, document: Document) -> bool:
    """Whether a person sees everything the file says, comments included."""
    for found in INVISIBLE.finditer(text):
        before = re.split(r"\r\n|\r|\n", text[: found.start()])
        document.add((len(before), len(before[-1]) + 1), f"invisible character U+{ord(found[0]):04X}", "remove it")
        if document.is_full:
            break
    return not document.mistakes
