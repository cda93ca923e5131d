"""Typed reading of JSON that strangers sent: a wrong shape becomes one INVALID_ARGUMENT that names the field."""

import json
import math
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from netra_loop.localrun.errors import ApiError, invalid

Document = dict[str, Any]

DEEPEST_JSON = 50  # about what the clients' protobuf still reads within an answer
DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)s")


def parse_json(text: str | bytes) -> Any:
    """The value of strict JSON. What protobuf would not take back raises ValueError too: NaN, too deep, too large."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_representable)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    level = [value]
    for _ in range(DEEPEST_JSON):
        level = [child for item in level if isinstance(item, dict | list) for child in _children(item)]
    if level:
        raise ValueError("nested too deeply")
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return number


def _representable(text: str) -> int:
    _finite(text)
    return int(text)


def _children(item: "dict[str, Any] | list[Any]") -> Iterable[Any]:
    return item.values() if isinstance(item, dict) else item


class Fields:
    """One JSON object and where it stands in the request, for messages such as `template.containers[0].env: ...`."""

    def __init__(self, document: Any, path: str = "") -> None:
        if not isinstance(document, dict):
            raise invalid(f"{path or 'request body'}: must be a JSON object")
        self.document: Document = document
        self.path = path

    def where(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def wrong(self, key: str, problem: str) -> ApiError:
        """The error to raise about one field."""
        return invalid(f"{self.where(key)}: {problem}")

    def has(self, key: str) -> bool:
        """True when the field is there; protobuf's JSON treats null as absent."""
        return self.document.get(key) is not None

    def expect_only(self, known: Collection[str], unsupported: Collection[str] = ()) -> None:
        """Refuse fields that the API does not know, and those that it knows but that have no effect here."""
        for key in self.document:
            if key in unsupported and self.document[key] not in (None, "", 0, [], {}):
                raise self.wrong(key, "the embedded Cloud Run does not support this field")
            if key not in known and key not in unsupported:
                raise invalid(
                    f'Invalid JSON payload received. Unknown name "{key}" at "{self.path}": Cannot find field.'
                )

    def text(self, key: str, default: str = "") -> str:
        value = self.document.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.wrong(key, "must be a string")
        return value

    def number(self, key: str, default: int) -> int:
        """An int32; protobuf's JSON also writes it as a string or as a float without a fraction."""
        value = self.document.get(key)
        if value is None:
            return default
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,10}", value):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not -(2**31) <= value < 2**31:
            raise self.wrong(key, "must be an integer of 32 bits")
        return value

    def flag(self, key: str) -> bool:
        value = self.document.get(key)
        if value not in (None, True, False):
            raise self.wrong(key, "must be true or false")
        return bool(value)

    def seconds(self, key: str, default: float) -> float:
        """A duration such as `300s` or `1.5s`, in seconds."""
        text = self.text(key)
        if not text:
            return default
        found = DURATION.fullmatch(text)
        if found is None:
            raise self.wrong(key, f"'{text}' is not a duration such as '300s'")
        return float(found[1])

    def enum(self, key: str, names: Mapping[int, str], default: str) -> str:
        """The name of an enum value that came as its number or its name."""
        value = self.document.get(key)
        if value is None:
            return default
        name = names.get(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if name not in names.values():
            raise self.wrong(key, f"{value!r} is not one of {', '.join(names.values())}")
        return str(name)

    def texts(self, key: str) -> list[str]:
        values = self._list(key)
        if not all(isinstance(value, str) for value in values):
            raise self.wrong(key, "must be a list of strings")
        return values

    def mapping(self, key: str) -> dict[str, str]:
        """An object whose values are all strings, such as labels."""
        value = self.document.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise self.wrong(key, "must be an object of strings")
        return dict(value)

    def fields(self, key: str) -> "Fields":
        """The object under a key, empty when absent."""
        value = self.document.get(key)
        return Fields({} if value is None else value, self.where(key))

    def each(self, key: str) -> Iterable["Fields"]:
        """The objects of a list, each knowing its index."""
        return [Fields(value, f"{self.where(key)}[{index}]") for index, value in enumerate(self._list(key))]

    def _list(self, key: str) -> list[Any]:
        value = self.document.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.wrong(key, "must be a list")
        return value
