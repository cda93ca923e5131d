"""Reads the phases of a plan, in the order of the file, and checks what each one needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from netra_loop.adapters.planfile.models import PhaseModel
from netra_loop.adapters.planfile.promotion import check_rollout
from netra_loop.adapters.planfile.steps import MAX_STEPS, StepReader
from netra_loop.adapters.planfile.structure import read, report_unknown, with_places
from netra_loop.adapters.planfile.suiteindex import SuiteIndex
from netra_loop.adapters.planfile.yamldocument import Document, Location, quoted
from netra_loop.core.environment import Environment
from netra_loop.core.plan import Phase
from netra_loop.core.promotion import Promotion

_PHASES: Location = ("phases",)


def read_phases(
    document: Document, environment: Environment | None, index: SuiteIndex | None, promotion: Promotion
) -> tuple[Phase, ...]:
    """The phases a document describes; every mistake is reported. Where there were any, some are stand-ins."""
    places = list(document.items(_PHASES))
    if _too_many(document, sum(1 for place in places for _ in document.items((*place, "steps")))):
        return ()
    reader = StepReader(document, environment, index, promotion)
    phases: list[Phase] = []
    for place in places:
        phases.append(_phase(document, place, reader, phases[-1].id if phases else ""))
    _too_many(document, sum(len(phase.steps) for phase in phases))
    _check_ids(document, places, phases)
    _check_needs(document, places, phases)
    if environment is not None:
        check_rollout(document, phases, environment, reader.place_of)
    return tuple(phases)


def _too_many(document: Document, count: int) -> bool:
    if count > MAX_STEPS:
        document.report(_PHASES, f"more than {MAX_STEPS} steps are too many", key=True)
    return count > MAX_STEPS


def _phase(document: Document, place: Location, reader: StepReader, previous: str) -> Phase:
    """One phase. Without `needs` it needs the phase before it."""
    model = read(PhaseModel, document, place)
    phase_id = document.text((*place, "id"))
    before = (previous,) if previous else ()
    tags = frozenset({phase_id, *(model.focus if model else ())})
    steps = tuple(step for each in document.items((*place, "steps")) for step in reader.steps(each, tags))
    if model is None:
        return Phase(phase_id, phase_id, steps, before)
    return Phase(
        id=phase_id,
        title=model.title or phase_id,
        steps=steps,
        needs=model.needs if "needs" in model.model_fields_set else before,
        when=model.when,
        required=model.required,
        stops=model.on_fail == "stop",
    )


def _check_ids(document: Document, places: Sequence[Location], phases: Sequence[Phase]) -> None:
    first: dict[str, Location] = {}
    for place, phase in zip(places, phases, strict=True):
        earlier = first.setdefault(phase.id, place)
        if phase.id and earlier != place:
            hint = f"the first is on line {document.line(earlier)}"
            document.report((*place, "id"), f"duplicate phase {quoted(phase.id)}", hint)


def _check_needs(document: Document, places: Sequence[Location], phases: Sequence[Phase]) -> None:
    needs: dict[str, tuple[str, ...]] = {}
    for phase in phases:
        needs.setdefault(phase.id, phase.needs)
    for place, phase in zip(places, phases, strict=True):
        for where, need in with_places(document, (*place, "needs"), phase.needs):
            if need not in needs:
                report_unknown(document, where, "phase", need, list(needs))
    place_of = {phase.id: place for place, phase in zip(places, phases, strict=True)}
    for cycle in cycles(needs):
        document.report((*place_of[cycle[0]], "needs"), f"phases need each other: {' -> '.join(cycle)}")


def cycles(needs: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """Closed paths through what needs what, each as a, b, ..., a; at least one if there are any."""
    done: set[str] = set()
    for start in needs:
        path: dict[str, None] = {}
        ahead = [iter((start,))]
        while ahead:
            for each in ahead[-1]:
                if each in path:
                    names = list(path)
                    yield (*names[names.index(each) :], each)
                elif each in needs and each not in done:
                    path[each] = None
                    ahead.append(iter(needs[each]))
                    break
            else:
                ahead.pop()
                if path:
                    done.add(path.popitem()[0])
