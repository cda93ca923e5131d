"""Events to plain data (what JSON can hold) and back, by the types of the dataclasses; no second description of them.

A dataclass that stands where several are possible carries its class name under `is`; everything else is told by its
declared type. Unknown names and missing fields raise ValueError: a journal of a newer version is not guessed at.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from netra_loop.core import events, past, plan, problem, seen, target

Plain = dict[str, Any]
T = TypeVar("T")
_TAG = "is"
_NAMES: dict[type, tuple[str, ...]] = {
    events.SessionOpened: ("session_id",),
    events.Act: ("id", "step", "subject", "key", "user"),
    seen.Deployed: ("changes",),
    problem.TestName: ("suite", "test"),
    problem.Problem: ("id",),
    problem.Remedy: ("id", "problem", "target", "variable"),
    problem.Receipt: ("remedy",),
    past.GoodSession: ("session_id",),
    past.Sighting: ("signature", "first_session", "last_session", "row_began", "gone_in"),
    past.Refuted: ("signature", "cause", "session_id"),
    past.SuitePast: ("suite", "sessions"),
    past.OpenAction: ("id", "since", "about"),
    plan.Plan: ("name", "digest", "focus"),
    plan.Phase: ("id", "needs"),
    plan.Step: ("id", "subject"),
    plan.Suite: ("id", "priority", "targets"),
    target.Target: ("name", "service"),
}


def encode(event: events.Event) -> Plain:
    """The event as a mapping of strings, numbers, lists and mappings."""
    return cast(Plain, plain(event))


def decode(record: Plain) -> events.Event:
    """The event that `encode` was given. Raises ValueError for anything that no event encodes to."""
    return cast(events.Event, _value(cast(type, events.Event), record))


def masked(value: T, mask: Callable[[str], str]) -> T:
    """The value with `mask` applied to every text in it, except to the names by which events refer to each other."""
    return cast(T, _masked(value, mask))


def _masked(value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, tuple):
        return tuple(_masked(item, mask) for item in value)
    if isinstance(value, Mapping):
        return {key: _masked(item, mask) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in fields(value) if f.name not in _NAMES.get(type(value), ("act_id",))]
        return replace(value, **{name: _masked(getattr(value, name), mask) for name in names})
    return value


def timestamp(at: datetime) -> str:
    """UTC, ISO-8601 with microseconds and Z."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> datetime:
    """The time that `timestamp` was given."""
    return datetime.fromisoformat(text)


def plain(value: object) -> object:
    """Any of our values as plain data; sets and mappings come out sorted: a session and its replay are alike."""
    if is_dataclass(value) and not isinstance(value, type):
        return {_TAG: type(value).__name__} | {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(value[key]) for key in sorted(value)}
    if isinstance(value, frozenset):
        return sorted(plain(item) for item in value)  # type: ignore[type-var]
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _value(expected: Any, record: Any) -> Any:
    origin = get_origin(expected)
    if origin in (Union, types.UnionType):
        return _one_of(get_args(expected), record)
    if origin is tuple:
        return tuple(_value(get_args(expected)[0], item) for item in record)
    if origin is frozenset:
        return frozenset(_value(get_args(expected)[0], item) for item in record)
    if origin is Mapping:
        return {key: _value(get_args(expected)[1], item) for key, item in record.items()}
    if is_dataclass(expected):
        return _dataclass(cast(type, expected), record)
    if isinstance(expected, type) and issubclass(expected, Enum):
        return expected(record)
    if expected is float and isinstance(record, int) and not isinstance(record, bool):
        return float(record)
    return record


def _one_of(choices: tuple[Any, ...], record: Any) -> Any:
    if record is None and types.NoneType in choices:
        return None
    named = {choice.__name__: choice for choice in choices if isinstance(choice, type) and is_dataclass(choice)}
    if isinstance(record, dict) and named:
        if record.get(_TAG) not in named:
            raise ValueError(f"unknown kind of record: {record.get(_TAG)!r}")
        return _value(named[record[_TAG]], record)
    others = [choice for choice in choices if choice is not types.NoneType]
    return _value(others[0], record) if len(others) == 1 else record


def _dataclass(cls: type, record: Any) -> Any:
    if not isinstance(record, dict) or record.get(_TAG) != cls.__name__:
        raise ValueError(f"not a {cls.__name__}: {record!r:.80}")
    hints = _hints(cls)
    unknown = set(record) - set(hints) - {_TAG}
    if unknown:
        raise ValueError(f"{cls.__name__} has no {', '.join(sorted(unknown))}")
    given = {name: _value(hints[name], record[name]) for name in record if name != _TAG}
    missing = [
        f.name for f in fields(cls) if f.name not in given and f.default is MISSING and f.default_factory is MISSING
    ]
    if missing:
        raise ValueError(f"{cls.__name__} lacks {', '.join(missing)}")
    return cls(**given)
