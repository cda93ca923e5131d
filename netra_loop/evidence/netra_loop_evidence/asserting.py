"""What in a test's source verifies something, and which assertions would hold whatever the target answered."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

CONSTANT = "constant"
ACCEPTS_SERVER_ERRORS = "accepts_server_errors"
ACCEPTS_ANYTHING = "accepts_anything"

_PURE = {
    "abs", "all", "any", "bool", "dict", "float", "frozenset", "int", "isinstance", "len", "list", "max", "min",
    "print", "range", "repr", "round", "set", "sorted", "str", "sum", "tuple",
}  # fmt: skip
_READING = {
    "count", "endswith", "get", "index", "items", "keys", "lower", "split", "startswith", "strip", "upper", "values",
}  # fmt: skip
_LITERAL = (
    ast.BinOp, ast.BoolOp, ast.Compare, ast.Constant, ast.Dict, ast.FormattedValue, ast.IfExp, ast.JoinedStr, ast.List,
    ast.Set, ast.Slice, ast.Starred, ast.Subscript, ast.Tuple, ast.UnaryOp, ast.expr_context, ast.boolop, ast.operator,
    ast.unaryop, ast.cmpop,
)  # fmt: skip
_MUTABLE = (ast.Dict, ast.List, ast.Set, ast.Call)
_READ_ONLY_PLACES = (
    ast.Assert, ast.BinOp, ast.BoolOp, ast.Compare, ast.FormattedValue, ast.If, ast.Subscript, ast.UnaryOp,
)  # fmt: skip

_METHODS = {
    "assertTrue": None, "assertEqual": ast.Eq, "assertEquals": ast.Eq, "assertIn": ast.In, "assertIs": ast.Is,
    "assertLess": ast.Lt, "assertLessEqual": ast.LtE, "assertGreater": ast.Gt, "assertGreaterEqual": ast.GtE,
    "assertNotEqual": ast.NotEq,
}  # fmt: skip
_RAISING = {"raises", "assertRaises", "assertRaisesRegex", "warns", "assertWarns", "deprecated_call"}
_VERIFYING = re.compile(r"_*(assert|check|ensure|expect|fail$|must|raise_for|should|validate|verify)")
_LEAVING = {"skip", "xfail", "exit"}

_STATUS = {"status_code", "status", "code", "getcode"}
_STATUS_NAME = re.compile(r"(^|_)(status|code)(_|$)|status_?code")


def claim(statement: ast.AST) -> ast.expr | None:
    """What an assertion claims, of an assert statement or of a method of unittest; None for other statements."""
    if isinstance(statement, ast.Assert):
        return statement.test
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return None
    if not call.func.attr.startswith("assert") or not _is_self(call.func.value):
        return None
    compared = _METHODS.get(call.func.attr)
    if call.func.attr == "assertTrue" and call.args:
        return call.args[0]
    if compared is not None and len(call.args) >= 2:
        return ast.Compare(call.args[0], [compared()], [call.args[1]])
    return call


def assertions_in(node: ast.AST) -> Iterator[ast.Assert | ast.Expr]:
    """The assertions that can hold: ``assert False`` is a way to fail."""
    for each in ast.walk(node):
        claimed = claim(each)
        if claimed is not None and not (isinstance(claimed, ast.Constant) and not claimed.value):
            assert isinstance(each, (ast.Assert, ast.Expr))
            yield each


def verifies(node: ast.AST, literals: set[str]) -> bool:
    """Whether it may make the test fail, or leave it, for what it found."""
    return any(_verifies(each, literals) for each in ast.walk(node))


def weakness(claimed: ast.expr, literals: set[str], names: dict[str, Any]) -> str | None:
    """Why the claim says nothing of the target, if it can be seen at all."""
    if _is_constant(claimed, literals):
        return CONSTANT
    accepted = _accepted(claimed, names)
    if 200 not in accepted and 201 not in accepted:
        return None
    inverted = any(isinstance(each, (ast.NotEq, ast.NotIn)) for each in ast.walk(claimed))
    if {500, 502} & accepted and not inverted:
        return ACCEPTS_SERVER_ERRORS
    mentioned = {each.value for each in ast.walk(claimed) if isinstance(each, ast.Constant)}
    return ACCEPTS_ANYTHING if {500, 502, 503} & accepted or {401, 403} & accepted & mentioned else None


def accepts_success(condition: ast.expr, names: dict[str, Any]) -> bool:
    """Whether a condition holds for the answer of a healthy target, and not for every answer."""
    if isinstance(condition, ast.Attribute) and condition.attr in ("ok", "is_success"):
        return True
    return 200 in _accepted(condition, names) and 500 not in _accepted(condition, names)


def literals_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """The names that stand for a literal all through the function."""
    if not any(isinstance(each, ast.Assign) and _may_be_literal(each.value) for each in function.body):
        return set()
    stored = [each.id for each in ast.walk(function) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]
    touched = _touched(function)
    literals: set[str] = set()
    for statement in function.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            changeable = any(isinstance(each, _MUTABLE) for each in ast.walk(statement.value))
            once = len(statement.targets) == 1 and stored.count(name) == 1
            if once and not (changeable and name in touched) and _is_literal(statement.value, literals):
                literals.add(name)
    return literals


def _may_be_literal(value: ast.expr) -> bool:
    return not isinstance(value, (ast.Attribute, ast.Await, ast.Call))


def called_name(node: ast.AST) -> str:
    """The last part of the name that a call calls; nothing for what is no call."""
    function = node.func if isinstance(node, ast.Call) else None
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def may_raise_on_purpose(with_: ast.With | ast.AsyncWith) -> bool:
    """Whether the block is left by an exception as a rule."""
    return any(called_name(item.context_expr) in _RAISING | {"suppress"} for item in with_.items)


def _verifies(node: ast.AST, literals: set[str]) -> bool:
    claimed = claim(node)
    if claimed is not None:
        return not _is_constant(claimed, literals)
    name = called_name(node)
    return isinstance(node, ast.Raise) or name in _LEAVING | _RAISING or bool(_VERIFYING.match(name))


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls", "case", "testcase")


def _is_constant(node: ast.expr, literals: set[str]) -> bool:
    if isinstance(node, ast.Tuple):  # assert (condition, "message")
        return bool(node.elts)
    if isinstance(node, ast.BoolOp):
        decided = (_is_constant(each, literals) for each in node.values)
        return any(decided) if isinstance(node.op, ast.Or) else all(decided)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        same = ast.dump(node.left) == ast.dump(node.comparators[0])
        calls = any(isinstance(each, (ast.Await, ast.Call)) for each in ast.walk(node.left))
        if (same and not calls) or _is_any_length(node):
            return True
    return _is_literal(node, literals)


def _is_any_length(node: ast.Compare) -> bool:
    right = node.comparators[0]
    is_zero = isinstance(right, ast.Constant) and right.value == 0
    return called_name(node.left) == "len" and isinstance(node.ops[0], ast.GtE) and is_zero


def _is_literal(node: ast.AST, literals: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in literals
    if isinstance(node, ast.Call):
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        return _reads_only(node.func, literals) and all(_is_literal(each, literals) for each in arguments)
    return isinstance(node, _LITERAL) and all(_is_literal(each, literals) for each in ast.iter_child_nodes(node))


def _reads_only(function: ast.expr, literals: set[str]) -> bool:
    if isinstance(function, ast.Attribute):
        return function.attr in _READING and _is_literal(function.value, literals)
    return isinstance(function, ast.Name) and function.id in _PURE


def _touched(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """The names used in a way that may change what they stand for."""
    touched = set()
    for parent in ast.walk(function):
        reads = isinstance(parent, _READ_ONLY_PLACES) and not isinstance(
            getattr(parent, "ctx", None), (ast.Store, ast.Del)
        )
        reads = reads or (isinstance(parent, ast.Call) and called_name(parent) in _PURE)
        reads = reads or (isinstance(parent, ast.Attribute) and parent.attr in _READING)
        if not reads:
            touched |= {
                each.id for each in ast.iter_child_nodes(parent) if isinstance(each, ast.Name) and _is_read(each)
            }
    return touched


def _is_read(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Load)


def _is_status(node: ast.AST) -> bool:
    """Whether it looks like the status of an answer."""
    if isinstance(node, ast.Attribute):
        return node.attr in _STATUS
    if isinstance(node, ast.Call):
        return called_name(node) == "getcode" and not node.args
    return isinstance(node, ast.Name) and bool(_STATUS_NAME.search(node.id)) and node.id.islower()


_PROBED = (200, 201, 204, 401, 403, 500, 502, 503)
_TYPES = (int, tuple, list, set, frozenset, range)


def _accepted(condition: ast.expr, names: dict[str, Any]) -> set[int]:
    """The statuses a condition on nothing but a status accepts; none for any other condition."""
    if not any(_is_status(each) for each in ast.walk(condition)):
        return set()
    return {status for status in _PROBED if _holds(condition, names, status)}


def _holds(node: ast.AST, names: dict[str, Any], status: int) -> bool:
    try:
        return bool(_value(node, names, status))
    except (TypeError, LookupError):
        return False


_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.In: lambda one, many: one in many, ast.NotIn: lambda one, many: one not in many,
}  # fmt: skip


def _value(node: ast.AST, names: dict[str, Any], status: int) -> Any:
    """The value of an expression of a status, numbers, collections and comparisons; LookupError for any other."""
    if _is_status(node):
        return status
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name) and isinstance(names[node.id], _TYPES):
        return names[node.id]
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        return [_value(each, names, status) for each in node.elts]
    if isinstance(node, ast.BoolOp):
        values = [_value(each, names, status) for each in node.values]
        return all(values) if isinstance(node.op, ast.And) else any(values)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not _value(node.operand, names, status)
    if isinstance(node, ast.Compare):
        values = [_value(each, names, status) for each in (node.left, *node.comparators)]
        return all(_COMPARED[type(each)](values[n], values[n + 1]) for n, each in enumerate(node.ops))
    if isinstance(node, ast.Call) and called_name(node) == "range":
        return range(*(_value(each, names, status) for each in node.args))
    raise LookupError(node)
