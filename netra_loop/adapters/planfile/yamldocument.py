"""What one YAML file says, as text, lists and mappings, each with its place, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from netra_loop.core.errors import Mistake

MAX_MISTAKES = 100
LONGEST_SOURCE = 200
EXTENSION = "x-"

INVISIBLE = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"  # control characters, odd line ends
    "|[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]"  # what reorders text on a screen, or has no width
)

Location = tuple[str | int, ...]
Mark = tuple[int, int]
"""Line and column, counted from 1."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text as written; plain when it stood there without quotes, so that it may also be a number or a word."""

    text: str
    plain: bool


Value = Scalar | list["Value"] | dict[str, "Value"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value starts, and its key where it has one."""

    value: Mark
    key: Mark | None = None


@dataclass(slots=True)
class Document:
    """What one file says, and what is wrong with it. `value` is None when the file could not be read as YAML."""

    file: str
    lines: list[str] = field(default_factory=list)
    value: Value | None = None
    places: dict[Location, Place] = field(default_factory=dict)
    spoiled: set[Location] = field(default_factory=set)
    mistakes: list[Mistake] = field(default_factory=list)

    def at(self, location: Location) -> Value | None:
        """The value at a location, None where there is none."""
        value = self.value
        for step in location:
            if isinstance(value, dict) and isinstance(step, str):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def text(self, location: Location) -> str:
        """The text at a location, empty where there is none."""
        value = self.at(location)
        return value.text if isinstance(value, Scalar) else ""

    def items(self, location: Location) -> Iterator[Location]:
        """The locations of what a list holds; none where there is no list."""
        value = self.at(location)
        if isinstance(value, list):
            yield from ((*location, index) for index in range(len(value)))

    def entries(self, location: Location) -> Iterator[Location]:
        """The locations of what a mapping holds, without extensions (`x-...`); none where there is no mapping."""
        value = self.at(location)
        if isinstance(value, dict):
            yield from ((*location, key) for key in value if not key.startswith(EXTENSION))

    def line(self, location: Location) -> int:
        """The line on which a value starts."""
        return self.places[location].value[0]

    def report(self, location: Location, message: str, hint: str = "", *, key: bool = False) -> None:
        """Add a mistake at a value or at its key; for a value that is not there, at the key of what should hold it."""
        if self.value is None:
            return
        while location not in self.places:
            location, key = location[:-1], True
        if location in self.spoiled:
            return
        place = self.places[location]
        self.add(place.key if key and place.key else place.value, message, hint)

    @property
    def is_full(self) -> bool:
        """Whether further mistakes are not kept."""
        return len(self.mistakes) > MAX_MISTAKES

    def add(self, mark: Mark, message: str, hint: str = "") -> None:
        """Add a mistake at a line and column. Beyond MAX_MISTAKES only the fact that there are more is kept."""
        line, column = mark
        mistake = Mistake(self.file, line, column, message, hint, self._source(line))
        if len(self.mistakes) < MAX_MISTAKES:
            self.mistakes.append(mistake)
        elif len(self.mistakes) == MAX_MISTAKES:
            self.mistakes.append(Mistake(self.file, 0, 0, f"only the first {MAX_MISTAKES} mistakes are shown"))

    def refuse(self, message: str, hint: str = "") -> None:
        """Add a mistake about the file as a whole."""
        self.mistakes.append(Mistake(self.file, 0, 0, message, hint))

    def _source(self, line: int) -> str:
        """A line to print above a caret: one column for each character, and nothing for an endless one."""
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        if len(text) > LONGEST_SOURCE:
            return ""
        return "".join(c if c.isprintable() else " " if c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def quoted(text: str) -> str:
    """A text from a file in quotes, as messages show it: short, and only what prints."""
    short = text if len(text) <= 60 else f"{text[:59]}…"
    return "'" + "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in short) + "'"
