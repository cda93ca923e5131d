"""What the words of a step select: services that can do what is asked, or suites by id, priority or focus tag."""

from __future__ import annotations

from collections.abc import Sequence

from netra_loop.adapters.planfile.structure import report_unknown, with_places
from netra_loop.adapters.planfile.suiteindex import SuiteIndex
from netra_loop.adapters.planfile.values import ALL
from netra_loop.adapters.planfile.yamldocument import Document, Location, quoted
from netra_loop.core.environment import Environment
from netra_loop.core.plan import Kind, Suite
from netra_loop.core.target import Target


class TargetSelector:
    """Selects services of an environment by name, or all of them that can."""

    def __init__(self, document: Document, environment: Environment) -> None:
        self._document = document
        self._environment = environment.name
        self._names = dict.fromkeys(target.name for target in environment.targets)
        self._able = {
            kind: {target.name: target for target in environment.targets if _can(kind, target)}
            for kind in (Kind.DEPLOY, Kind.PROMOTE, Kind.HEALTH, Kind.WEBSOCKET, Kind.LOGS)
        }

    def select(self, place: Location, kind: Kind, words: Sequence[str]) -> list[Target]:
        """The services that the words at a place name for a kind of step; what is wrong with a word is reported."""
        able = self._able[kind]
        for where, word in with_places(self._document, place, words):
            if word in self._names and word not in able:
                self._document.report(where, f"service {quoted(word)} has no {quoted(kind.value)}")
            elif word not in able and word != ALL:
                report_unknown(self._document, where, "service", word, [*self._names, ALL])
        if ALL in words and not able:
            message = f"no service of environment {quoted(self._environment)} has {quoted(kind.value)}"
            self._document.report(place, message)
        return list(able.values()) if ALL in words else [able[word] for word in words if word in able]


class SuiteSelector:
    """Selects suites of the index by the same words that `--focus` takes."""

    def __init__(self, document: Document, index: SuiteIndex) -> None:
        self._document = document
        self._suites = index.suites
        self._by_word = _by_word(index)

    def select(self, place: Location, words: Sequence[str]) -> list[Suite]:
        """The suites that the words at a place name, in the order of the index; a word that names none is reported."""
        unknown = False
        for where, word in with_places(self._document, place, words):
            if word not in self._by_word:
                unknown = True
                report_unknown(self._document, where, "suite, priority or tag", word, list(self._by_word))
        chosen = {number for word in words for number in self._by_word.get(word, ())}
        if words and not chosen and not unknown:
            self._document.report(place, "the step selects nothing", "no suite in config/suites.yaml has these words")
        return [self._suites[number] for number in sorted(chosen)]


def _by_word(index: SuiteIndex) -> dict[str, list[int]]:
    """The positions of the suites by every word that may name them; a priority may be declared and have none."""
    found: dict[str, list[int]] = {ALL: list(range(len(index.suites))), **{name: [] for name in index.priorities}}
    for number, suite in enumerate(index.suites):
        for word in dict.fromkeys(filter(None, (suite.id, suite.priority, *suite.focus))):
            found.setdefault(word, []).append(number)
    return found


def _can(kind: Kind, target: Target) -> bool:
    match kind:
        case Kind.HEALTH:
            return target.health is not None
        case Kind.WEBSOCKET:
            return target.websocket is not None
        case _:
            return True
