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

Count = Callable[[str, int], None]

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
    if sys.flags.optimize or config.getoption("assertmode", "plain") != "rewrite":
        return False
    try:
        from _pytest.assertion.rewrite import rewrite_asserts

        tree = ast.parse(_PROBE)
        rewrite_asserts(tree, _PROBE, None, config)
    except (ImportError, TypeError):
        return False
    return "_call_assertion_pass" in ast.dump(tree)


def own_file() -> str | None:
    """Asked inside ``pytest_assertion_pass``: the project's file in which the assert stands; None for a package's."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_name != "_call_assertion_pass":
        frame = frame.f_back
    file = frame.f_back.f_code.co_filename if frame.f_back is not None else ""
    return file if file and is_own(file) else None


def watch_methods(count: Count) -> None:
    """Call ``count(file, line)`` for each unittest assertion and each ``pytest.raises`` that holds."""
    for name in dir(unittest.TestCase):
        if name.startswith("assert") and name not in _CONTEXT_MAKERS:
            note_after(unittest.TestCase, name, functools.partial(_note_method, count))
    for module, name in _CONTEXTS:
        context = getattr(sys.modules.get(module), name, None)
        if context is not None:
            note_after(context, "__exit__", functools.partial(_note_context, count))


def _note_method(count: Count, *_: Any) -> None:
    """unittest's assertions are made of one another: only the one the test called is counted."""
    caller = sys._getframe(2)
    if not str(caller.f_globals.get("__name__")).startswith("unittest."):
        count(caller.f_code.co_filename, caller.f_lineno)


def _note_context(count: Count, swallowed: Any, _context: Any, raised: Any, *_: Any) -> None:
    caller = sys._getframe(2)
    if (swallowed or raised is None) and is_own(caller.f_code.co_filename):
        count(caller.f_code.co_filename, caller.f_lineno)


@functools.cache
def is_own(filename: str) -> bool:
    """Whether a file is of the project, not of an installed package."""
    return _INSTALLED.isdisjoint(PurePath(filename).parts)
