"""Keeps what wider fixtures did on the network, for every test that uses them."""

from __future__ import annotations

import weakref
from typing import Any

from .sockets import Book


class FixtureBooks:
    """One book for each fixture wider than a test, from its setup to its next one."""

    def __init__(self) -> None:
        self._books: weakref.WeakKeyDictionary[Any, Book] = weakref.WeakKeyDictionary()

    def open(self, fixturedef: Any) -> Book:
        """A new book for a fixture that is being set up."""
        book = self._books[fixturedef] = Book()
        return book

    def shared_by(self, item: Any) -> Book:
        """What the fixtures this test uses did: those it names, autouse ones, and the fixtures of fixtures."""
        together = Book()
        # pytest tells nowhere in public which fixtures a test really got; without this nothing is shared.
        used = getattr(getattr(item, "_request", None), "_fixture_defs", {})
        for fixturedef in set(used.values()):
            book = self._books.get(fixturedef)
            if book is not None:
                together.add(book)
        return together
