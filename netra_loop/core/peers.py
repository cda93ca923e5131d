"""In which order services that call each other are deployed: each is told the URLs of those that it calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from netra_loop.core.target import Target

Calls = Mapping[str, Sequence[str]]
"""By target, the targets that it calls itself."""


def calls_of(targets: Iterable[Target]) -> Calls:
    """Who calls whom, as declared."""
    return {target.name: [peer.name for peer in target.peers] for target in targets}


def first_of(deploys: Sequence[str], calls: Calls) -> frozenset[str]:
    """Those of the targets to be deployed that wait for no other of them.

    Of targets that call each other the first one given goes ahead: it is told the URL that its peers have had before.
    """
    place = {target: number for number, target in enumerate(deploys)}
    needs = {target: called_by(target, calls) & place.keys() for target in deploys}

    def goes_ahead_of(target: str, other: str) -> bool:
        return target in needs[other] and place[target] < place[other]

    return frozenset(target for target in deploys if all(goes_ahead_of(target, other) for other in needs[target]))


def called_by(target: str, calls: Calls) -> frozenset[str]:
    """Everything that a target calls, itself or through those that it calls; never the target itself."""
    seen: set[str] = set()
    waiting = list(calls[target])
    while waiting:
        each = waiting.pop()
        if each not in seen:
            seen.add(each)
            waiting.extend(calls[each])
    return frozenset(seen - {target})
