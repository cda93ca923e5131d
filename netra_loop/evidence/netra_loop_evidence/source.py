"""Finds the source of a test and of the helpers it calls, each file and each function once."""

from __future__ import annotations

import ast
import functools
import inspect
import tokenize
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any, NamedTuple

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Function(NamedTuple):
    """A function of the project: its code, its source, and where it finds its names."""

    code: CodeType
    node: ast.FunctionDef | ast.AsyncFunctionDef
    names: dict[str, Any]


def function_of(test: object) -> Function | None:
    """The function of a test below its decorators; None where there is no source of one, as of a doctest."""
    test = getattr(getattr(test, "hypothesis", None), "inner_test", test)
    plain = inspect.unwrap(test) if callable(test) else None
    return _function(getattr(plain, "__func__", plain))


def helpers_of(function: Function, owner: type | None, root: str) -> Iterator[Function]:
    """The functions below this folder that the function calls directly, by name or on itself."""
    called = [each.func for each in ast.walk(function.node) if isinstance(each, ast.Call)]
    for name in {each.attr for each in called if isinstance(each, ast.Attribute) and _is_self(each.value)}:
        yield from _below(root, inspect.getattr_static(owner, name, None) if owner else None)
    for name in {each.id for each in called if isinstance(each, ast.Name)}:
        yield from _below(root, function.names.get(name))


def codes_of(code: CodeType) -> Iterator[CodeType]:
    """The code and that of the functions in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_of(constant)


def _below(root: str, helper: object) -> Iterator[Function]:
    plain = inspect.unwrap(helper) if callable(helper) else None
    if isinstance(plain, FunctionType) and plain.__code__.co_filename.startswith(root):
        found = _function(plain)
        if found is not None:
            yield found


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _function(function: object) -> Function | None:
    if not isinstance(function, FunctionType):
        return None
    node = _definitions(function.__code__.co_filename).get(function.__code__.co_firstlineno)
    return None if node is None else Function(function.__code__, node, function.__globals__)


@functools.cache
def _definitions(filename: str) -> dict[int, ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions of a file by their first line, which is that of their first decorator."""
    try:
        with tokenize.open(filename) as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return {}
    return {min([node.lineno, *(each.lineno for each in node.decorator_list)]): node for node in _functions_in(tree)}


def _functions_in(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions where tests and their helpers stand: not inside others, and not looked for in expressions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, DEFINITIONS):
            yield child
        elif isinstance(child, (ast.ClassDef, ast.If, ast.Try, ast.With)):
            yield from _functions_in(child)
