"""Rows in columns, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from netra_loop.views.encode import visible


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as lines, every column as wide as its widest cell; all cells are made safe."""
    safe = [[visible(cell) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in safe) for place in range(len(safe[0]))] if safe else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in safe]
