"""Reads how a service lets us in."""

from __future__ import annotations

from netra_loop.adapters.planfile.models import AccessModel
from netra_loop.adapters.planfile.structure import read
from netra_loop.adapters.planfile.values import Wrong, member_of
from netra_loop.adapters.planfile.yamldocument import Document, Location, Scalar, quoted
from netra_loop.core.target import Access, AccessKind

_NEEDS = {AccessKind.IAP: "audience", AccessKind.COMMAND: "argv"}
_TAKES = {
    AccessKind.NONE: (),
    AccessKind.IAM: ("audience", "impersonate"),
    AccessKind.IAP: ("audience", "impersonate"),
    AccessKind.COMMAND: ("argv",),
}


def read_access(document: Document, place: Location) -> Access:
    """What a service says under `auth`: a kind, or a mapping with more; every mistake is reported."""
    given = document.at(place)
    if given is None:
        return Access()
    access = _written(document, place, given) if isinstance(given, Scalar) else _mapping(document, place)
    needed = _NEEDS.get(access.kind, "")
    if needed and not getattr(access, needed):
        document.report(place, f"{quoted(access.kind.value)} needs {quoted(needed)}")
    for key in ("audience", "impersonate", "argv"):
        if getattr(access, key) and key not in _TAKES[access.kind]:
            document.report((*place, key), f"{quoted(key)} is not for {quoted(access.kind.value)}", key=True)
    return access


def _written(document: Document, place: Location, given: Scalar) -> Access:
    try:
        return Access(member_of(AccessKind)(given))
    except Wrong as wrong:
        document.report(place, f"'auth' {wrong}", wrong.hint)
        return Access()


def _mapping(document: Document, place: Location) -> Access:
    model = read(AccessModel, document, place)
    return Access(**dict(model)) if model else Access()
