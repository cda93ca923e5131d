"""Reads what services need: where its state is shown, where it is, and what it is started from."""

from __future__ import annotations

from pathlib import Path

from netra_loop.adapters.planfile.models import DependencyModel
from netra_loop.adapters.planfile.sources import check_source
from netra_loop.adapters.planfile.structure import has_unknown_keys, read
from netra_loop.adapters.planfile.values import Wrong, name
from netra_loop.adapters.planfile.yamldocument import Document, Location, Scalar, quoted
from netra_loop.core.target import Dependency

_LOOPBACK = ("127.0.0.1", "localhost")
_LOWEST_PORT = 1024


class DependencyReader:
    """Reads the dependencies of one service after the other, and remembers what is at which address."""

    def __init__(self, document: Document, project: Path) -> None:
        self._document = document
        self._project = project
        self._places: dict[tuple[str, str], Location] = {}

    def read(self, service: Location) -> tuple[Dependency, ...]:
        """The dependencies of the service at a place; every mistake is reported."""
        place = (*service, "dependencies")
        if self._has(service, "dependencies") and not self._has(service, "health"):
            self._document.report(place, "'dependencies' needs 'health'", "its answer is where they are read", key=True)
        found = (self._dependency(each) for each in self._document.entries(place))
        return tuple(dependency for dependency in found if dependency)

    def _has(self, place: Location, key: str) -> bool:
        return self._document.at((*place, key)) is not None

    def _dependency(self, place: Location) -> Dependency | None:
        key = str(place[-1])
        try:
            name(Scalar(key, plain=False))
        except Wrong as wrong:
            self._document.report(place, f"a key of 'dependencies' {wrong}", wrong.hint, key=True)
        model = read(DependencyModel, self._document, place)
        if model is None:
            return None
        if not (self._has(place, "address") or has_unknown_keys(DependencyModel, self._document, place)):
            self._check_without_address(place)
        if model.address:
            self._check_other_source(place, model.address)
        if self._has(place, "source"):
            self._check_source(place, model.address)
        return Dependency(key, **dict(model))

    def _check_without_address(self, place: Location) -> None:
        for key in ("variable", "source"):
            if self._has(place, key):
                self._document.report((*place, key), f"{quoted(key)} needs 'address'", key=True)

    def _check_other_source(self, place: Location, address: str) -> None:
        host, _, port = address.rpartition(":")
        first = self._places.setdefault(("" if host in _LOOPBACK else host, port), place)
        if self._document.text((*first, "source")) != self._document.text((*place, "source")):
            message = f"{quoted(address)} has another source on line {self._document.line(first)}"
            self._document.report((*place, "address"), message, "what is at one address is one dependency")

    def _check_source(self, place: Location, address: str) -> None:
        source = (*place, "source")
        if self._document.text(("endpoint",)) == "google":
            message = "'source' is for 'endpoint: embedded' only"
            self._document.report(source, message, "elsewhere a dependency is already there", key=True)
            return
        check_source(self._document, source, self._project)
        host, _, port = address.rpartition(":")
        if address and not (host in _LOOPBACK and int(port) >= _LOWEST_PORT):
            message = f"'address' cannot be {quoted(address)} with a 'source'"
            hint = f"what is started here listens at {' or '.join(_LOOPBACK)}, on a port from {_LOWEST_PORT} to 65535"
            self._document.report((*place, "address"), message, hint)
