"""How the text of a plan or its configuration becomes a value: names, numbers, durations, words. None is guessed."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Callable
from enum import Enum
from typing import TypeVar

from netra_loop.adapters.planfile.suggest import known_words
from netra_loop.adapters.planfile.yamldocument import EXTENSION, Scalar, quoted
from netra_loop.core.durations import seconds
from netra_loop.core.gate import Tolerance

AnyEnum = TypeVar("AnyEnum", bound=Enum)

LONGEST_NAME = 120
LONGEST_WORD = 80
LONGEST_PATTERN = 500
ALL = "all"
RESERVED_ENVIRONMENTS = ("suites", "knowledge")

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?")
_SHARE = re.compile(r"<([0-9]{1,3}(?:\.[0-9]{1,6})?)%")
_PERCENT = re.compile(r"([1-9][0-9]?)%")
MOST_STAGES = 20
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Wrong(ValueError):
    """What is wrong with a value, said so that it reads on after the name of its key."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def single(value: object) -> Scalar:
    """Anything but a list or a mapping."""
    if not isinstance(value, Scalar):
        raise Wrong("must be a single value")
    return value


def written(value: object) -> str:
    """A text exactly as written, also an empty one."""
    return single(value).text


def written_or_nothing(value: object) -> str | None:
    """A text exactly as written, None where nothing was written at all."""
    scalar = single(value)
    return None if scalar.plain and not scalar.text else scalar.text


def text(value: object) -> str:
    """A text that says something."""
    if not isinstance(value, Scalar):
        raise Wrong("must be text")
    if not value.text:
        raise Wrong("must not be empty")
    return value.text


def line(value: object) -> str:
    """A text that is one line of printable characters."""
    given = text(value)
    if not given.isprintable():
        raise Wrong("must be one line of printable characters")
    return given


def name(value: object) -> str:
    """A line for people, at most 120 characters, in composed form."""
    given = line(value)
    if len(given) > LONGEST_NAME:
        raise Wrong(f"is longer than {LONGEST_NAME} characters")
    if not unicodedata.is_normalized("NFC", given):
        raise Wrong("is not in composed form (NFC)", f"write {quoted(unicodedata.normalize('NFC', given))}")
    return given


def word(value: object) -> str:
    """A word of printable characters without spaces, at most 80."""
    given = text(value)
    if not given.isprintable() or " " in given or len(given) > LONGEST_WORD:
        raise Wrong(f"must be at most {LONGEST_WORD} printable characters without spaces")
    return given


def identifier(value: object) -> str:
    """An id: lower case letters, digits and hyphens; `all` is none, because selectors use the word."""
    given = text(value)
    if given == ALL:
        raise Wrong("must not be 'all'", "the word stands for everything")
    if not _ID.fullmatch(given):
        raise Wrong(f"cannot be {quoted(given)}", "an id has lower case letters, digits and -, at most 63")
    return given


def environment_name(value: object) -> str:
    """The id of an environment, which is also the name of its file."""
    given = identifier(value)
    if given in RESERVED_ENVIRONMENTS:
        raise Wrong(f"cannot be {quoted(given)}", f"config/{given}.yaml is no environment")
    return given


def whole(low: int, high: int) -> Callable[[object], int]:
    """Reads a whole number between two bounds, in plain decimal."""

    def read(value: object) -> int:
        scalar = single(value)
        if not scalar.plain or not _WHOLE.fullmatch(scalar.text):
            raise Wrong(f"must be a whole number, not {_as_written(scalar)}")
        if not low <= int(scalar.text) <= high:
            raise Wrong(f"must be {low}" if low == high else f"must be between {low} and {high}")
        return int(scalar.text)

    return read


def decimal(low: float, high: float) -> Callable[[object], float]:
    """Reads a number between two bounds, in plain decimal."""

    def read(value: object) -> float:
        scalar = single(value)
        if not scalar.plain or not _DECIMAL.fullmatch(scalar.text):
            raise Wrong(f"must be a number, not {_as_written(scalar)}")
        if not low <= float(scalar.text) <= high:
            raise Wrong(f"must be between {low:g} and {high:g}")
        return float(scalar.text)

    return read


def _as_written(scalar: Scalar) -> str:
    if not scalar.text:
        return "empty"
    return quoted(scalar.text) if scalar.plain else f"the text {quoted(scalar.text)}"


def flag(value: object) -> bool:
    """true or false; the other words that YAML 1.1 took for them are refused."""
    if not isinstance(value, Scalar) or not value.plain or value.text not in ("true", "false"):
        raise Wrong("must be true or false")
    return value.text == "true"


def duration(value: object) -> float:
    """Seconds, from a number with a unit; more than 0 and at most 7 days."""
    try:
        return seconds(text(value))
    except ValueError as error:
        raise Wrong(str(error)) from None


def tolerance(value: object) -> Tolerance:
    """0, or a share that must stay below a percentage."""
    given = text(value)
    share = _SHARE.fullmatch(given)
    if share and 0 < float(share[1]) <= 100:
        return Tolerance(below_percent=float(share[1]))
    if given != "0":
        raise Wrong(f'must be 0 or a share like "<5%", not {quoted(given)}')
    return Tolerance()


def stages(value: object) -> tuple[int, ...]:
    """Percents of traffic on the way to all of it, each more than the one before; at most 20."""
    found = tuple(_percent(item) for item in value) if isinstance(value, list) else ()
    if not 1 <= len(found) <= MOST_STAGES or list(found) != sorted(set(found)):
        raise Wrong(f"must be a list of 1 to {MOST_STAGES} ascending percents below 100, like [10%, 50%]")
    return found


def _percent(value: object) -> int:
    share = _PERCENT.fullmatch(value.text) if isinstance(value, Scalar) else None
    if not share:
        raise Wrong("must be whole percents from 1% to 99%")
    return int(share[1])


def one_of(*choices: str) -> Callable[[object], str]:
    """Reads one of these words."""

    def read(value: object) -> str:
        given = text(value)
        if given not in choices:
            raise Wrong(f"cannot be {quoted(given)}", known_words(given, choices))
        return given

    return read


def member_of(enum: type[AnyEnum]) -> Callable[[object], AnyEnum]:
    """Reads the value of a member of an Enum whose values are words."""
    read = one_of(*(member.value for member in enum))
    return lambda value: enum(read(value))


def words(value: object) -> tuple[str, ...]:
    """Words of a selector: a list, or text with commas."""
    parts = [text(item) for item in value] if isinstance(value, list) else text(value).split(",")
    found = tuple(part.strip() for part in parts)
    if not found or not all(found):
        raise Wrong("must name something")
    return found


def pattern(value: object) -> str:
    """A regular expression that Python compiles, and without a warning; at most 500 characters."""
    given = text(value)
    if len(given) > LONGEST_PATTERN:
        raise Wrong(f"is longer than {LONGEST_PATTERN} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(given)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        raise Wrong(f"is no regular expression: {error}") from None
    return given


def pattern_with_group(value: object) -> str:
    """A regular expression with exactly one group, which says what to take from a match."""
    given = pattern(value)
    if (groups := re.compile(given).groups) != 1:
        raise Wrong(f"has {groups} groups, it needs one", "(?:...) groups without counting")
    return given


def argv(value: object) -> tuple[str, ...]:
    """A program and its arguments. Text is refused: it would take a shell to split it."""
    if not isinstance(value, list) or not value or not all(isinstance(item, Scalar) for item in value):
        raise Wrong("must be a list of the program and its arguments", "there is no shell")
    return (text(value[0]), *(written(item) for item in value[1:]))


def mapping(value: object) -> object:
    """A mapping, for others to read."""
    if not isinstance(value, dict):
        raise Wrong("must be a mapping")
    return value


def some_mapping(value: object) -> object:
    """A mapping that holds something, for others to read."""
    if not without_extensions(mapping(value)):
        raise Wrong("must not be empty")
    return value


def items(value: object) -> object:
    """A list, for others to read."""
    if not isinstance(value, list):
        raise Wrong("must be a list")
    return value


def some_items(value: object) -> object:
    """A list that holds something, for others to read."""
    if not items(value):
        raise Wrong("must not be empty")
    return value


def without_extensions(value: object) -> object:
    """A mapping without its `x-` keys; anything else as it is."""
    if not isinstance(value, dict):
        return value
    return {key: item for key, item in value.items() if not key.startswith(EXTENSION)}
