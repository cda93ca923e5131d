"""Reads which services a service calls, and the variables that tell it where they are."""

from __future__ import annotations

from collections.abc import Sequence

from netra_loop.adapters.planfile.models import PeerModel
from netra_loop.adapters.planfile.servicevalues import service_variable_text
from netra_loop.adapters.planfile.structure import read, report_unknown
from netra_loop.adapters.planfile.values import Wrong
from netra_loop.adapters.planfile.yamldocument import Document, Location, Scalar, quoted
from netra_loop.core.target import Peer


def read_peers(document: Document, service: Location, known: Sequence[str]) -> tuple[Peer, ...]:
    """The peers of the service at a place, each `NAME: VARIABLE` or a mapping. known: every service by name."""
    found = []
    for place in document.entries((*service, "peers")):
        name = str(place[-1])
        if name == service[-1]:
            document.report(place, f"{quoted(name)} is no peer of itself", key=True)
        elif name not in known:
            report_unknown(document, place, "service", name, known)
        elif (peer := _peer(document, place, name)) is not None:
            _check_variable(document, service, place, peer.variable)
            found.append(peer)
    return tuple(found)


def _peer(document: Document, place: Location, name: str) -> Peer | None:
    given = document.at(place)
    if isinstance(given, Scalar):
        try:
            return Peer(name, service_variable_text(given))
        except Wrong as wrong:
            document.report(place, f"the variable {wrong}", wrong.hint)
            return None
    model = read(PeerModel, document, place)
    return Peer(name, **dict(model)) if model else None


def _check_variable(document: Document, service: Location, place: Location, variable: str) -> None:
    if document.at((*service, "env", variable)) is not None:
        message = f"{quoted(variable)} is set in 'env' too"
        document.report(place, message, "one of the two tells the service where its peer is")
