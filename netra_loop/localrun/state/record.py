"""Frozen dataclasses as JSON documents and back, by the types of their fields; no second description of them."""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from netra_loop.localrun.fields import Document

T = TypeVar("T")


def to_document(value: Any) -> Document:
    """The document of a dataclass whose fields are JSON values, Enums, tuples and dataclasses of the same kind."""
    return cast(Document, _plain(value))


def from_document(kind: type[T], document: Document) -> T:
    """The dataclass that `to_document` was given. Raises ValueError for a document of another form."""
    try:
        return cast(T, _value(kind, document))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"no {kind.__name__}: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.name
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _value(kind: Any, plain: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        return None if plain is None else _value(_only_some(kind), plain)
    if get_origin(kind) is tuple:
        return tuple(_value(get_args(kind)[0], item) for item in plain)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind[plain]
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: _value(hints[name], item) for name, item in plain.items()})
    return _checked(kind, plain)


def _checked(kind: Any, plain: Any) -> Any:
    expected = (int, float) if kind is float else get_origin(kind) or kind
    if not isinstance(plain, expected):
        raise TypeError(f"{plain!r} is no {kind}")
    return plain


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _only_some(kind: Any) -> Any:
    """The X of `X | None`, the only union that records have."""
    return next(item for item in get_args(kind) if item is not type(None))
