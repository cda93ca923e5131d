"""Finds the assertions of a test that passed without reaching them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .asserting import accepts_success, assertions_in, claim, may_raise_on_purpose
from .source import DEFINITIONS

Ran = Callable[[ast.AST], bool]
_LEAVING = (ast.Return, ast.Break, ast.Continue)


def some_never_ran(function: ast.FunctionDef | ast.AsyncFunctionDef, names: dict[str, Any], ran: Ran) -> bool:
    """Whether an assertion that every honest way through the test meets was not met.

    That is: one on its straight path, in a loop that never turned, or below a condition that holds for every healthy
    target. Assertions of a branch are not missed where another branch asserted and returned.
    """
    straight = list(_straight(function.body))
    if any(_is_assertion(each) and not ran(each) for each in straight) and not _left_after_asserting(straight, ran):
        return True
    return any(_never_turned(each, ran) or _skipped(each, names, ran) for each in straight)


def _straight(statements: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run whenever the test passes without leaving early."""
    for statement in statements:
        yield statement
        if isinstance(statement, (ast.With, ast.AsyncWith)) and not may_raise_on_purpose(statement):
            yield from _straight(statement.body)
        elif isinstance(statement, ast.Try):
            yield from _straight([*(() if statement.handlers else statement.body), *statement.finalbody])
        if isinstance(statement, (ast.Return, ast.Raise)):
            return


def _is_assertion(statement: ast.stmt) -> bool:
    return claim(statement) is not None and any(True for _ in assertions_in(statement))


def _left_after_asserting(straight: Sequence[ast.stmt], ran: Ran) -> bool:
    """Whether the test returned from within a branch in which it had asserted."""
    branches = (each for each in straight if isinstance(each, (ast.If, ast.For, ast.While, ast.Try, ast.AsyncFor)))
    return any(_leaves(each) and any(ran(inner) for inner in assertions_in(each)) for each in branches)


def _leaves(node: ast.AST) -> bool:
    return any(isinstance(each, ast.Return) for each in ast.walk(node))


def _never_turned(loop: ast.stmt, ran: Ran) -> bool:
    if not isinstance(loop, (ast.For, ast.AsyncFor)) or any(ran(each) for each in assertions_in(loop)):
        return False
    for statement in _straight(loop.body):
        if _is_assertion(statement):
            return True
        if any(isinstance(each, _LEAVING) for each in ast.walk(statement)):
            return False
    return False


def _skipped(branch: ast.stmt, names: dict[str, Any], ran: Ran) -> bool:
    if not isinstance(branch, ast.If) or not accepts_success(branch.test, names):
        return False
    inside = [each for statement in branch.body for each in assertions_in(statement)]
    has_functions = any(isinstance(each, DEFINITIONS) for each in ast.walk(branch))
    return bool(inside) and not has_functions and not any(ran(each) for each in assertions_in(branch))
