"""Counts the assertions that a suite's own files make, however they are spelled."""

from __future__ import annotations

import ast
import functools
import sys
import unittest
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

import pytest

from .wrapping import note_after

_PROBE = b"assert True"
_INSTALLED = {"site-packages", "dist-packages"}

# These only make a context manager: what they assert is known when the context ends.
_CONTEXT_MAKERS = ("assertRaises", "assertRaisesRegex", "assertWarns", "assertWarnsRegex", "assertLogs", "assertNoLogs")
_CONTEXTS = (
    ("unittest.case", "_AssertRaisesContext"),
    ("unittest.case", "_AssertWarnsContext"),
    ("_pytest.raises", "RaisesExc"),
    ("_pytest.raises", "RaisesGroup"),
    ("_pytest.python_api", "RaisesContext"),
)


def are_counted(config: pytest.Config) -> bool:
    """Whether an assert statement that passes will be told to us, tried out on a statement of our own.

    Never under ``python -O``: there the statements in files that pytest does not rewrite are compiled away.
    """
    if sys.flags.optimize or config.getoption("assertmode") != "rewrite":
        return False
    try:
        from _pytest.assertion.rewrite import rewrite_asserts

        tree = ast.parse(_PROBE)
        rewrite_asserts(tree, _PROBE, None, config)
    except (ImportError, TypeError):
        return False
    return "_call_assertion_pass" in ast.dump(tree)


def statement_is_own() -> bool:
    """Asked inside ``pytest_assertion_pass``: whether the assert stands in a file of the project, not of a package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_name != "_call_assertion_pass":
        frame = frame.f_back
    return frame.f_back is not None and _is_own(frame.f_back.f_code.co_filename)


def watch_methods(count: Callable[[], None]) -> None:
    """Call ``count`` for each unittest assertion and each ``pytest.raises`` that holds."""
    for name in dir(unittest.TestCase):
        if name.startswith("assert") and name not in _CONTEXT_MAKERS:
            note_after(unittest.TestCase, name, functools.partial(_note_method, count))
    for module, name in _CONTEXTS:
        context = getattr(sys.modules.get(module), name, None)
        if context is not None:
            note_after(context, "__exit__", functools.partial(_note_context, count))


def _note_method(count: Callable[[], None], *_: Any) -> None:
    """unittest's assertions are made of one another: only the one the test called is counted."""
    if not str(sys._getframe(2).f_globals.get("__name__")).startswith("unittest."):
        count()


def _note_context(count: Callable[[], None], swallowed: Any, _context: Any, raised: Any, *_: Any) -> None:
    if (swallowed or raised is None) and _is_own(sys._getframe(2).f_code.co_filename):
        count()


@functools.cache
def _is_own(filename: str) -> bool:
    return _INSTALLED.isdisjoint(PurePath(filename).parts)
