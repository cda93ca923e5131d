"""What can be read in the source of one test and of the helpers it calls, before it runs."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Sequence
from types import CodeType
from typing import NamedTuple

from .asserting import assertions_in, claim, literals_of, weakness
from .source import Function, codes_of, function_of, helpers_of
from .swallowing import Swallows, guards_in

Place = tuple[str, int]
"""A file's name and the number of a line in it."""


class Reading(NamedTuple):
    """Where things stand.

    assertions: the lines of each that the test itself has. weak: assertions that hold for any answer, and why.
    swallowing: where a failure is being swallowed once it runs. suppressing: blocks that swallow when an error leaves
    them. guards: conditions of failing by hand. watched: the code in which running lines tell more than the source.
    """

    test: Function
    assertions: tuple[frozenset[Place], ...]
    weak: dict[Place, str]
    swallowing: frozenset[Place]
    suppressing: frozenset[Place]
    guards: frozenset[Place]
    watched: tuple[CodeType, ...]


def read(test: object, owner: type | None, root: str) -> Reading | None:
    """Read a test; owner: its class. Files below the root are the project's own."""
    function = function_of(test)
    return None if function is None else _read(_Key(function), owner, root)


class _Key:
    """A function, the same whenever its code is."""

    def __init__(self, function: Function) -> None:
        self.function = function

    def __hash__(self) -> int:
        return hash(id(self.function.code))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.function.code is self.function.code


@functools.cache
def _read(key: _Key, owner: type | None, root: str) -> Reading:
    test = key.function
    parts = [_Part(test, is_test=True), *(_Part(each, is_test=False) for each in helpers_of(test, owner, root))]
    return Reading(
        test=test,
        assertions=tuple(frozenset(parts[0].places([each])) for each in parts[0].assertions),
        weak={place: reason for part in parts for place, reason in part.weak()},
        swallowing=frozenset(place for part in parts for body in part.swallows.handlers for place in part.places(body)),
        suppressing=frozenset(place for part in parts for place in part.places(part.swallows.suppressions)),
        guards=frozenset((part.file, guard.lineno) for part in parts for guard in part.guards),
        watched=tuple(code for part in parts if part.needs_watching for code in codes_of(part.function.code)),
    )


class _Part:
    """One of the functions a test is made of."""

    def __init__(self, function: Function, *, is_test: bool) -> None:
        self.function = function
        self.file = function.code.co_filename
        self.assertions = list(assertions_in(function.node))
        self._literals = literals_of(function.node)
        self.swallows = Swallows(function.node, self._literals, is_test=is_test)
        self.guards = [each for each in guards_in(function.node) if self._weakness(_negated(each.test)) is None]
        self.needs_watching = bool(self.swallows.handlers or self.guards)

    def weak(self) -> Iterator[tuple[Place, str]]:
        for assertion in self.assertions:
            claimed = claim(assertion)
            reason = None if claimed is None else self._weakness(claimed)
            if reason is not None:
                yield from ((place, reason) for place in self.places([assertion]))

    def places(self, nodes: Sequence[ast.AST]) -> Iterator[Place]:
        return places(self.file, nodes)

    def _weakness(self, claimed: ast.expr) -> str | None:
        return weakness(claimed, self._literals, self.function.names)


def _negated(condition: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), condition)


def places(file: str, nodes: Sequence[ast.AST]) -> Iterator[Place]:
    """The places of all lines of some statements."""
    for node in nodes:
        first = getattr(node, "lineno", 0)
        yield from ((file, line) for line in range(first, (getattr(node, "end_lineno", first) or first) + 1))
