"""How one comparison of a log filter is held against a log entry."""

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from netra_loop.localrun import clock
from netra_loop.localrun.fields import Document
from netra_loop.localrun.logs.index import (
    EVERYTHING,
    RANKS,
    Condition,
    column_condition,
    microseconds,
    rank,
    text_condition,
    time_condition,
)
from netra_loop.localrun.logs.re2 import Pattern

TIME_FIELDS = {("timestamp",), ("receiveTimestamp",)}
FREE_FIELDS = {("jsonPayload",), ("protoPayload",), ("labels",), ("resource", "labels")}
NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)(ns|us|ms|s|m|h)?")  # a duration such as 0.5s is ordered like its number
SECONDS = {None: 1, "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

Path = tuple[str, ...]
Predicate = Callable[[Document], bool]
Test = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are wanted: `matches` says so exactly, `condition` is met by all of them and by few others."""

    matches: Predicate
    condition: Condition = EVERYTHING


def comparison(path: Path, symbol: str, value: str | None) -> Filter:
    """A filter on the value of one field; None is JSON's null. Raises ValueError when the value does not suit.

    A field that is missing is compared as an empty value where LogEntry defines it; within a payload or labels every
    comparison with a missing field is false. Of a list, one element is enough.
    """
    if not path:
        raise ValueError("expected a field name before the operator")
    test, condition = _meaning(path, symbol, value)
    return Filter(partial(_matches, path, test), condition)


def field_path(segments: Path) -> Path:
    """A path with the names of LogEntry's own fields in camel case; within payloads and labels keys are as written."""
    path: Path = ()
    for index, segment in enumerate(segments):
        if path in FREE_FIELDS:
            return path + segments[index:]
        path += (re.sub(r"_([a-z])", lambda found: found[1].upper(), segment),)
    return path


def contains_text(text: str) -> Filter:
    """Whether any value of an entry contains a text, ignoring case."""
    return Filter(partial(_contains, text.lower()))


def text_of(value: Any) -> str:
    """A value as it is compared with a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _matches(path: Path, test: Test, entry: Document) -> bool:
    found = list(field_values(entry, path))
    if not found:
        return not _is_free(path) and test(None)
    return any(test(value) for value in found)


def _meaning(path: Path, symbol: str, value: str | None) -> tuple[Test, Condition]:
    """The test of a comparison, and what it demands of the columns."""
    if value is None:
        if symbol not in ("=", "!="):
            raise ValueError("NULL_VALUE is either equal or not")
        return (_is_null if symbol == "=" else _is_present), EVERYTHING
    if symbol in ("=~", "!~"):
        return _regex_test(symbol, value), EVERYTHING
    if symbol == ":":
        return (_is_present if value == "*" else partial(_contains, value.lower())), EVERYTHING
    if path == ("severity",):
        number = _rank(value)
        return partial(_compare_severity, ORDER[symbol], number), column_condition("severity", symbol, number)
    if path in TIME_FIELDS:
        moment = _time(value)
        received = path != ("timestamp",)
        condition = EVERYTHING if received else time_condition(symbol, microseconds(moment))
        return partial(_compare_time, ORDER[symbol], moment), condition
    if symbol in ("=", "!="):
        return partial(_compare_equal, symbol == "=", value.lower()), text_condition(path, symbol, value)
    return partial(_compare_order, ORDER[symbol], value.lower()), EVERYTHING


def _regex_test(symbol: str, pattern: str) -> Test:
    try:
        compiled = Pattern(pattern)
    except ValueError as error:
        raise ValueError(f"invalid regular expression: {error}") from None
    return lambda value: compiled.is_in(text_of(value)) == (symbol == "=~")


def _rank(value: str) -> int:
    if value.isdecimal() and len(value) < 10:
        return int(value)
    if value.upper() not in RANKS:
        raise ValueError(f"'{value}' is no severity")
    return RANKS[value.upper()]


def _time(value: str) -> datetime:
    try:
        return clock.parse(value)
    except ValueError:
        raise ValueError(f"'{value}' is no RFC 3339 time") from None


def _compare_severity(order: Callable[[Any, Any], bool], number: int, value: Any) -> bool:
    return order(rank(value), number)


def _compare_time(order: Callable[[Any, Any], bool], moment: datetime, value: Any) -> bool:
    return value is not None and order(clock.parse(value), moment)


def _compare_equal(wanted: bool, expected: str, value: Any) -> bool:
    text = text_of(value).lower()
    is_number = isinstance(value, int | float) and NUMBER.fullmatch(expected) and NUMBER.fullmatch(text)
    equal = text == expected or bool(is_number and _number(text) == _number(expected))
    return equal == wanted


def _compare_order(order: Callable[[Any, Any], bool], bound: str, value: Any) -> bool:
    text = text_of(value).lower()
    if NUMBER.fullmatch(bound) and (NUMBER.fullmatch(text) or value is None):
        return order(_number(text or "0"), _number(bound))
    return order(text, bound)


def _is_null(value: Any) -> bool:
    return value is None


def _is_present(value: Any) -> bool:
    return value is not None


def _contains(text: str, value: Any) -> bool:
    """Whether a value, or any key or value below it, contains a lower case text."""
    if isinstance(value, dict):
        return any(text in key.lower() or _contains(text, item) for key, item in value.items())
    if isinstance(value, list):
        return any(_contains(text, item) for item in value)
    return text in text_of(value).lower()


def _number(text: str) -> float:
    found = NUMBER.fullmatch(text)
    assert found is not None
    return float(found[1]) * SECONDS[found[2]]


def _is_free(path: Path) -> bool:
    return path[:1] in FREE_FIELDS or path[:2] in FREE_FIELDS


def field_values(value: Any, path: Path) -> Iterator[Any]:
    """The values a path leads to; a key that holds dots may be written as one quoted segment or as several."""
    if isinstance(value, list):
        for item in value:
            yield from field_values(item, path)
    elif not path:
        yield value
    elif isinstance(value, dict):
        for length in range(1, len(path) + 1):
            key = ".".join(path[:length])
            if key in value:
                yield from field_values(value[key], path[length:])
                return
