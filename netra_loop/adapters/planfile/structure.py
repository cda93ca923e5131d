"""Reads one mapping of a document into its model; what is wrong in it becomes mistakes in words of our own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from netra_loop.adapters.planfile.models import Model
from netra_loop.adapters.planfile.suggest import did_you_mean, known_words, nearest
from netra_loop.adapters.planfile.values import Wrong, without_extensions
from netra_loop.adapters.planfile.yamldocument import Document, Location, quoted

AnyModel = TypeVar("AnyModel", bound=Model)
_SHAPES = {
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "too_short": "must not be empty",
}


def read(model: type[AnyModel], document: Document, location: Location) -> AnyModel | None:
    """The mapping at a location, None when it cannot be read at all. Every mistake in it is reported.

    Keys with mistakes are left out where they may be, so that what else the mapping says can still be checked.
    """
    given = without_extensions(document.at(location))
    if not isinstance(given, dict):
        document.report(location, f"{_subject(location)} must be a mapping")
        return None
    try:
        return model.model_validate(given)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
    _report(model, document, location, errors)
    wrong = {error["loc"][0] for error in errors}
    sound = {key: value for key, value in given.items() if key not in wrong}
    try:
        return model.model_validate({**model.stand_ins, **sound})
    except ValidationError:
        return None


def known_keys(model: type[Model]) -> list[str]:
    """The keys a mapping of this model may have."""
    return [field.alias or name for name, field in model.model_fields.items()]


def report_unknown(document: Document, location: Location, what: str, word: str, known: Sequence[str]) -> None:
    """Report a word that names nothing, with the known one that comes closest."""
    hint = "" if document.is_full else known_words(word, known)
    document.report(location, f"unknown {what} {quoted(word)}", hint)


def has_unknown_keys(model: type[Model], document: Document, location: Location) -> bool:
    """Whether a mapping has keys that its model has not; they were reported, and may be what seems to be missing."""
    given = {str(place[-1]) for place in document.entries(location)}
    return not given <= set(known_keys(model))


def with_places(document: Document, location: Location, words: Sequence[str]) -> Iterator[tuple[Location, str]]:
    """Words and where they stand: in a list each has its own place. One that comes twice is reported, and left out."""
    listed = isinstance(document.at(location), list)
    seen = set()
    for number, word in enumerate(words):
        place = (*location, number) if listed else location
        if word in seen:
            document.report(place, f"{quoted(word)} is there twice")
        else:
            seen.add(word)
            yield place, word


def _report(model: type[Model], document: Document, location: Location, errors: Sequence[Any]) -> None:
    """Report what pydantic found. A key that is missing because it is misspelt is one mistake, not two."""
    missing = [error["loc"][0] for error in errors if error["type"] == "missing"]
    for error in errors:
        if error["type"] == "extra_forbidden":
            key = error["loc"][0]
            meant = "" if document.is_full else nearest(key, missing) or nearest(key, known_keys(model))
            document.report((*location, key), f"unknown key {quoted(key)}", did_you_mean(meant), key=True)
            missing = [each for each in missing if each != meant]
        elif error["type"] != "missing":
            _report_value(document, location, error)
    for key in missing:
        document.report((*location, key), f"missing key {quoted(key)}")


def _report_value(document: Document, location: Location, error: Any) -> None:
    is_key = error["loc"][-1] == "[key]"
    place = (*location, *(error["loc"][:-1] if is_key else error["loc"]))
    subject = f"a key of {quoted(str(place[-2]))}" if is_key else _subject(place)
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, Wrong):
        document.report(place, f"{subject} {cause}", cause.hint, key=is_key)
    else:
        document.report(place, f"{subject} {_SHAPES[error['type']]}")


def _subject(location: Location) -> str:
    """How a message names the value at a location."""
    match location:
        case ():
            return "the file"
        case (*_, str(key)):
            return quoted(key)
        case (*_, key, _):
            return f"an item of {quoted(str(key))}"
        case _:
            return "an item"
