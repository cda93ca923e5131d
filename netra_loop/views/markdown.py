"""Markdown as the worklog uses it: figures, tables, evidence. One formatter for every number."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from netra_loop.views.encode import code, fenced

Document = dict[str, Any]


def figure(value: float | None, unit: str = "") -> str:
    """A number exactly as `result.json` holds it, with its unit; a dash where it is not known."""
    return "-" if value is None else json.dumps(value) + (f" {unit}" if unit else "")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table; `none` without rows. Cells are Markdown already."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines] if lines else ["none"]


def codes(texts: Iterable[str]) -> str:
    """Texts from outside as code, with commas; a dash for none."""
    return ", ".join(map(code, texts)) or "-"


def figures(numbers: Mapping[str, float]) -> str:
    """Numbers with their names, with commas."""
    return ", ".join(f"{code(name)} {figure(value)}" for name, value in numbers.items())


def evidence(document: Document, *, quoted: bool) -> list[str]:
    """Where a piece of evidence was recorded and is kept, and its excerpt if that is wanted."""
    kept = f", kept in {code(document['ref'])}, sha256 {code(document['sha256'])}" if document["ref"] else ""
    more, entry = ", more of the same is kept" * document["truncated"], figure(document["entry"])
    lines = [f"- evidence: {code(document['title'])}, journal entry {entry}{kept}{more}"]
    return [*lines, "", fenced(document["excerpt"]), ""] if quoted and document["excerpt"].strip() else lines
