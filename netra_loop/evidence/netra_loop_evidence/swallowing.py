"""Finds where a test's source swallows a failure, or would, and where it fails by hand."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from .asserting import called_name, verifies
from .source import DEFINITIONS

_BROAD = {"Exception", "BaseException", "AssertionError"}
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_WITHS = (ast.With, ast.AsyncWith)
_FAILING = {"fail"}


class Swallows:
    """The broad handlers of one function whose running hides a failure from whoever reads the outcome.

    A broad handler is honest where it fails or tells in turn, in a clean-up, in a loop that is followed by an
    assertion, and where nothing it guards verifies while other statements do.
    """

    def __init__(self, function: ast.FunctionDef | ast.AsyncFunctionDef, literals: set[str], *, is_test: bool) -> None:
        self._function = function
        self._literals = literals
        self._is_test = is_test
        self.handlers: list[Sequence[ast.stmt]] = []
        """Their bodies: the failure is swallowed where one of these runs."""
        self.suppressions: list[ast.stmt] = []
        """Blocks of ``suppress``: swallowed when one is left by an exception."""
        self._visit(function.body, (), is_retried=False)

    def _visit(self, statements: Sequence[ast.stmt], after: Sequence[ast.stmt], *, is_retried: bool) -> None:
        """after: the statements that follow these."""
        for number, statement in enumerate(statements):
            rest = [*statements[number + 1 :], *after]
            if isinstance(statement, ast.Try):
                self._judge(statement, rest, is_retried=is_retried)
                self._visit([*statement.body, *statement.orelse], rest, is_retried=is_retried)
            elif isinstance(statement, _WITHS):
                if _is_suppression(statement) and self._hides(statement.body, statement, rest, is_retried=is_retried):
                    self.suppressions.append(statement)
                self._visit(statement.body, rest, is_retried=is_retried)
            elif isinstance(statement, _LOOPS):
                followed = [*statement.orelse, *rest]
                self._visit(statement.body, rest, is_retried=any(self._verifies(each) for each in followed))
            elif isinstance(statement, ast.If):
                self._visit(statement.body, rest, is_retried=is_retried)
                self._visit(statement.orelse, rest, is_retried=is_retried)
            elif isinstance(statement, DEFINITIONS):
                self._visit(statement.body, rest, is_retried=is_retried)

    def _judge(self, attempt: ast.Try, rest: Sequence[ast.stmt], *, is_retried: bool) -> None:
        for handler in attempt.handlers:
            if not _is_broad(handler.type) or any(self._verifies(each) for each in handler.body):
                continue
            if self._falls_back(attempt, handler) or (
                self._hides(attempt.body, attempt, rest, is_retried=is_retried) and not self._is_told(handler, rest)
            ):
                self.handlers.append(handler.body)

    def _hides(self, body: Sequence[ast.stmt], whole: ast.stmt, rest: Sequence[ast.stmt], *, is_retried: bool) -> bool:
        """Whether what the body found would be lost: an assertion of it, or the test's only contact."""
        if is_retried:
            return False
        if any(self._verifies(each) for each in body):
            return True
        others = [each for each in self._function.body if not _holds(each, whole)]
        calls = any(isinstance(each, ast.Call) for statement in body for each in ast.walk(statement))
        return self._is_test and calls and not any(self._verifies(each) for each in [*others, *rest])

    def _is_told(self, handler: ast.ExceptHandler, rest: Sequence[ast.stmt]) -> bool:
        """Whether what the handler keeps is asserted later, or handed to the caller."""
        if not self._is_test and any(isinstance(each, ast.Return) for each in handler.body):
            return True
        kept = _names_in(handler.body) - _BROAD - {handler.name or "", "print"}
        return any(self._verifies(each) and kept & _names_in([each]) for each in rest)

    def _falls_back(self, attempt: ast.Try, handler: ast.ExceptHandler) -> bool:
        """Whether the handler puts data of its own in the place of the answer's."""
        bound = _stored_in(attempt.body)
        for statement in handler.body:
            if isinstance(statement, ast.Assign) and bound & _stored_in([statement]):
                return not _admits(statement.value, handler.name, also_text=False)
            if isinstance(statement, ast.Return) and statement.value is not None and not self._is_test:
                return not _admits(statement.value, handler.name, also_text=True)
        return False

    def _verifies(self, node: ast.AST) -> bool:
        return verifies(node, self._literals)


def guards_in(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.If]:
    """Conditions on which the function fails by hand, where nobody catches that: assertions by another name."""
    yield from _guards(function.body)


def _guards(statements: Sequence[ast.stmt]) -> Iterator[ast.If]:
    for statement in statements:
        if isinstance(statement, ast.If):
            if _fails(statement.body[-1]):
                yield statement
            yield from _guards([*statement.body, *statement.orelse])
        elif isinstance(statement, (*_WITHS, *_LOOPS)):
            yield from _guards(statement.body)
        elif isinstance(statement, ast.Try):
            yield from _guards([*(() if statement.handlers else statement.body), *statement.orelse])


def _fails(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Raise):
        return statement.exc is not None and "Skip" not in ast.dump(statement.exc)
    return isinstance(statement, ast.Expr) and called_name(statement.value) in _FAILING


def _is_broad(caught: ast.expr | None) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(_is_broad(each) for each in caught.elts)
    return caught is None or _last_name(caught) in _BROAD


def _is_suppression(with_: ast.With | ast.AsyncWith) -> bool:
    calls = [item.context_expr for item in with_.items if called_name(item.context_expr) == "suppress"]
    return any(_is_broad(each) for call in calls if isinstance(call, ast.Call) for each in call.args)


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _admits(value: ast.expr, error: str | None, *, also_text: bool) -> bool:
    """Whether a value says that something failed: nothing, false, empty, or made of the error."""
    if isinstance(value, ast.Constant):
        return not value.value
    if isinstance(value, (ast.List, ast.Tuple, ast.Set)):
        return not value.elts or _admits(value.elts[0], error, also_text=also_text)
    if isinstance(value, ast.Dict) and not value.keys:
        return True
    if isinstance(value, ast.JoinedStr) and not also_text:
        return False
    return error is not None and error in _names_in([value])


def _names_in(nodes: Sequence[ast.AST]) -> set[str]:
    return {each.id for node in nodes for each in ast.walk(node) if isinstance(each, ast.Name)}


def _stored_in(nodes: Sequence[ast.AST]) -> set[str]:
    return {
        each.id
        for node in nodes
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }


def _holds(outer: ast.AST, inner: ast.AST) -> bool:
    return any(each is inner for each in ast.walk(outer))
