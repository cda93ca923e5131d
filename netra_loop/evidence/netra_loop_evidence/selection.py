"""Runs only the tests that were asked for, by their exact ids, whatever else the suite's paths hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


class Selection:
    """Deselects every test that is not in a JSON list of ids."""

    def __init__(self, path: str) -> None:
        self._ids = frozenset(json.loads(Path(path).read_text(encoding="utf-8")))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep the order in which the suite runs them."""
        others = [item for item in items if item.nodeid not in self._ids]
        if others:
            config.hook.pytest_deselected(items=others)
            items[:] = [item for item in items if item.nodeid in self._ids]
