"""Builds a document's values from the parser's events, and refuses what plans have no use for, where it stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from netra_loop.adapters.planfile.yamldocument import INVISIBLE, Document, Location, Mark, Place, Scalar, Value, quoted

MAX_DEPTH = 32
_NO_TEXT = re.compile(r"~|null|true|false|[-+]?\.?[0-9][0-9_.eE+-]*", re.IGNORECASE)


class _Stop(Exception):
    """The rest of the file is not worth reading."""


@dataclass(slots=True)
class _Frame:
    """A list or mapping whose end has not come. Without a location it belongs to something refused and is not kept."""

    container: list[Value] | dict[str, Value]
    location: Location | None
    key: str | None = None
    key_mark: Mark | None = None
    value_is_next: bool = False

    @property
    def expects_key(self) -> bool:
        return isinstance(self.container, dict) and not self.value_is_next

    def begin_value(self, key: str | None, mark: Mark | None) -> None:
        """A value follows, under this key; under None when the key was refused."""
        self.key, self.key_mark, self.value_is_next = key, mark, True

    def take(self, value: Value) -> Location | None:
        """Hold the value and tell its location; neither for a value that hangs on something refused."""
        self.value_is_next = False
        if self.location is None:
            return None
        if isinstance(self.container, list):
            self.container.append(value)
            return (*self.location, len(self.container) - 1)
        if self.key is None:
            return None
        self.container[self.key] = value
        return (*self.location, self.key)


def compose(text: str, document: Document) -> None:
    """Fill in the document's value and places, or leave the value None where this is not YAML; report all mistakes.

    It works on events and not on PyYAML's nodes: nodes no longer know aliases, and reading deep ones is recursive.
    """
    composer = _Composer(document)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            composer.take(event)
    except _Stop:
        pass
    except yaml.MarkedYAMLError as error:
        _report_syntax(document, error)
        return
    document.value = composer.whole()
    if document.value is None and not document.mistakes:
        document.refuse("the file is empty")


def _report_syntax(document: Document, error: yaml.MarkedYAMLError) -> None:
    mark = error.problem_mark or error.context_mark
    place = _mark(mark) if mark else (1, 1)
    line = document.lines[min(place[0], len(document.lines)) - 1]
    hint = "indent with spaces, not tabs" if "\t" in line[: len(line) - len(line.lstrip())] else ""
    document.add(place, f"not valid YAML: {error.problem}", hint)


def _mark(mark: Any) -> Mark:
    return mark.line + 1, mark.column + 1


class _Composer:
    def __init__(self, document: Document) -> None:
        self._root: Value | None = None
        self._document = document
        self._frames: list[_Frame] = []

    def whole(self) -> Value | None:
        """The first document's value, once its end was reached."""
        return None if self._frames else self._root

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.DocumentStartEvent() if self._root is not None:
                self._report(event, "a second document starts here", "one file holds one document")
                raise _Stop
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.SequenceStartEvent():
                self._open(event, [])
            case yaml.MappingStartEvent():
                self._open(event, {})
            case yaml.CollectionEndEvent():
                self._frames.pop()

    def _alias(self, event: yaml.AliasEvent) -> None:
        if self._frames and self._frames[-1].expects_key:
            self._report(event, f"the key *{event.anchor} is not text")
            self._frames[-1].begin_value(None, None)
            return
        location = self._keep(event, Scalar("", plain=True))
        if location is not None:
            self._report(event, f"aliases (*{event.anchor}) are not allowed", "write the value here")
            self._spoil(location)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if self._frames and self._frames[-1].expects_key:
            self._refuse_properties(event, None)
            self._key(self._frames[-1], event)
            return
        location = self._keep(event, Scalar(event.value, plain=not event.style))
        self._refuse_properties(event, location)
        if self._hides_something(event):
            self._spoil(location)

    def _hides_something(self, event: yaml.ScalarEvent) -> bool:
        """Whether a text has invisible characters; only escapes can still bring them here."""
        hidden = INVISIBLE.search(event.value)
        if hidden:
            self._report(event, f"invisible character U+{ord(hidden[0]):04X}", "remove it")
        return hidden is not None

    def _key(self, frame: _Frame, event: yaml.ScalarEvent) -> None:
        key, first = event.value, None
        if frame.location is not None and key in frame.container:
            first = self._document.places[(*frame.location, key)].key
        if not event.style and key == "<<":
            self._report(event, "merge keys (<<) are not allowed", "write the keys here")
            self._spoil(frame.location)
        elif not event.style and _NO_TEXT.fullmatch(key):
            self._report(event, f"the key {quoted(key)} is not text", "put it in quotes")
        elif first:
            self._report(event, f"duplicate key {quoted(key)}", f"the first is on line {first[0]}")
        elif not self._hides_something(event):
            frame.begin_value(key, _mark(event.start_mark))
            return
        frame.begin_value(None, None)

    def _open(self, event: yaml.CollectionStartEvent, container: list[Value] | dict[str, Value]) -> None:
        if len(self._frames) == MAX_DEPTH:
            self._report(event, f"nested deeper than {MAX_DEPTH} levels")
            raise _Stop
        if self._frames and self._frames[-1].expects_key:
            self._report(event, "a key must be text, not a list or a mapping")
            self._frames[-1].begin_value(None, None)
            location = None
        else:
            location = self._keep(event, container)
        self._refuse_properties(event, location)
        self._frames.append(_Frame(container, location))

    def _keep(self, event: yaml.NodeEvent, value: Value) -> Location | None:
        """Put a value where it belongs; its location, or None where it hangs on something refused."""
        mark = _mark(event.start_mark)
        if not self._frames:
            self._root = value
            self._document.places[()] = Place(mark)
            return ()
        frame = self._frames[-1]
        location = frame.take(value)
        if location is not None:
            is_nothing = value == Scalar("", plain=True)  # for the parser it is where the next thing starts
            self._document.places[location] = Place((is_nothing and frame.key_mark) or mark, frame.key_mark)
        return location

    def _refuse_properties(
        self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, location: Location | None
    ) -> None:
        if event.anchor:
            self._report(event, f"anchors (&{event.anchor}) are not allowed", "write the value where it is needed")
        if event.tag:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._report(event, f"tags ({tag}) are not allowed", "write the plain value")
            self._spoil(location)

    def _spoil(self, location: Location | None) -> None:
        """What stands at a location is refused: nothing more is to be said about it."""
        if location is not None:
            self._document.spoiled.add(location)

    def _report(self, event: yaml.Event, message: str, hint: str = "") -> None:
        self._document.add(_mark(event.start_mark), message, hint)
        if self._document.is_full:
            raise _Stop
