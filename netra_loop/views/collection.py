"""What suites find told: a table for people, JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from netra_loop.core.selection import Collection
from netra_loop.views.encode import visible
from netra_loop.views.table import columns


def collection_json(collections: Sequence[Collection]) -> str:
    """Everything that was found, every test by name, as one JSON document."""
    return json.dumps({"suites": [_suite(each) for each in collections]}, ensure_ascii=True, indent=1)


def _suite(found: Collection) -> dict[str, object]:
    return {
        "id": found.suite.id,
        "declared": found.suite.declared_tests,
        "collected": None if found.tests is None else len(found.tests),
        "last": asdict(found.last) if found.last else None,
        "deselected": found.deselected,
        "errors": list(found.errors),
        "reasons": list(found.reasons),
        "tests": None if found.tests is None else list(found.tests),
    }


def collection_text(collections: Sequence[Collection]) -> str:
    """A table, a row a suite, then what could not be collected."""
    rows: list[tuple[str, ...]] = [("SUITE", "DECLARED", "COLLECTED", "LAST TIME", "DESELECTED", "FOUND WRONG")]
    rows += [_row(each) for each in collections]
    errors = [f"{each.suite.id}: {error}" for each in collections for error in each.errors]
    return "\n".join((*columns(rows), *map(visible, errors)))


def _row(found: Collection) -> tuple[str, ...]:
    numbers = (
        found.suite.declared_tests,
        None if found.tests is None else len(found.tests),
        found.last.collected if found.last else None,
        found.deselected,
    )
    told = ("-" if number is None else str(number) for number in numbers)
    return (found.suite.id, *told, ", ".join(found.reasons) or "-")
