"""How one comparison of a log filter is held against a log entry."""

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote

from netra_loop.localrun import clock
from netra_loop.localrun.entries import SEVERITIES
from netra_loop.localrun.fields import Document

RANKS = {name: number for number, name in SEVERITIES.items()}
TIME_FIELDS = {("timestamp",), ("receiveTimestamp",), ("receive_timestamp",)}
FREE_FIELDS = ("jsonPayload", "json_payload", "protoPayload", "proto_payload", "labels")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?s?")  # a duration such as 0.5s is ordered like its number
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

Predicate = Callable[[Document], bool]
Test = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field and what its value must satisfy.

    A field that is missing is compared as an empty value where LogEntry defines it; within a payload or labels every
    comparison with a missing field is false. Of a list, one element is enough.
    """

    path: tuple[str, ...]
    test: Test

    @classmethod
    def of(cls, path: tuple[str, ...], symbol: str, value: str) -> "Comparison":
        """Raises ValueError when the value does not suit the field or the operator."""
        if not path:
            raise ValueError("expected a field name before the operator")
        return cls(path, _test(path, symbol, value))

    def matches(self, entry: Document) -> bool:
        found = list(_lookup(entry, self.path))
        if not found:
            return not _is_free(self.path) and self.test(None)
        return any(self.test(value) for value in found)


def contains_text(text: str) -> Predicate:
    """Whether any value of an entry contains a text, ignoring case."""
    return partial(_contains, text.lower())


def has_log_id(log_id: str) -> Predicate:
    """Whether an entry is in the log with this id, such as `run.googleapis.com/stdout`."""
    suffix = "/logs/" + quote(log_id, safe="")
    return lambda entry: str(entry.get("logName", "")).endswith(suffix)


def _test(path: tuple[str, ...], symbol: str, value: str) -> Test:
    if symbol in ("=~", "!~"):
        return _regex_test(symbol, value)
    if symbol == ":":
        return _is_present if value == "*" else partial(_contains, value.lower())
    if path == ("severity",):
        return partial(_compare_severity, ORDER[symbol], _rank(value))
    if path in TIME_FIELDS:
        return partial(_compare_time, ORDER[symbol], _time(value))
    if symbol in ("=", "!="):
        return partial(_compare_equal, symbol == "=", value.lower())
    return partial(_compare_order, ORDER[symbol], value.lower())


def _regex_test(symbol: str, pattern: str) -> Test:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"invalid regular expression: {error}") from None
    return lambda value: (compiled.search(_text(value)) is not None) == (symbol == "=~")


def _rank(value: str) -> int:
    if value.isdigit():
        return int(value)
    if value.upper() not in RANKS:
        raise ValueError(f"'{value}' is no severity")
    return RANKS[value.upper()]


def _time(value: str) -> datetime:
    try:
        return clock.parse(value)
    except ValueError:
        raise ValueError(f"'{value}' is no RFC 3339 time") from None


def _compare_severity(order: Callable[[Any, Any], bool], rank: int, value: Any) -> bool:
    return order(RANKS.get(str(value), 0), rank)


def _compare_time(order: Callable[[Any, Any], bool], moment: datetime, value: Any) -> bool:
    return value is not None and order(clock.parse(value), moment)


def _compare_equal(wanted: bool, expected: str, value: Any) -> bool:
    text = _text(value).lower()
    is_number = isinstance(value, int | float) and NUMBER.fullmatch(expected)
    equal = text == expected or bool(is_number and _number(text) == _number(expected))
    return equal == wanted


def _compare_order(order: Callable[[Any, Any], bool], bound: str, value: Any) -> bool:
    text = _text(value).lower()
    if NUMBER.fullmatch(bound) and (NUMBER.fullmatch(text) or value is None):
        return order(_number(text or "0"), _number(bound))
    return order(text, bound)


def _is_present(value: Any) -> bool:
    return value is not None


def _contains(text: str, value: Any) -> bool:
    """Whether a value, or any key or value below it, contains a lower case text."""
    if isinstance(value, dict):
        return any(text in key.lower() or _contains(text, item) for key, item in value.items())
    if isinstance(value, list):
        return any(_contains(text, item) for item in value)
    return text in _text(value).lower()


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _number(text: str) -> float:
    return float(text.removesuffix("s"))


def _is_free(path: tuple[str, ...]) -> bool:
    return path[0] in FREE_FIELDS or path[:2] == ("resource", "labels")


def _lookup(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """The values a path leads to; a key that holds dots may be written as one quoted segment or as several."""
    if isinstance(value, list):
        for item in value:
            yield from _lookup(item, path)
    elif not path:
        yield value
    elif isinstance(value, dict):
        for length in range(1, len(path) + 1):
            key = ".".join(path[:length])
            key = key if key in value else _camel(key)
            if value.get(key) is not None:
                yield from _lookup(value[key], path[length:])
                return


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)
